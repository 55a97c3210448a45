/** Abort reasons and errors: what they say, whatever type they have. */

const MAX_REASON_LENGTH = 256;
const MAX_CAUSE_DEPTH = 8;

/**
 * The text of a reason, at most 256 characters: `message` of a plain Error, `Name: message` of any
 * other error, `String(value)` of anything else. Undefined when there is nothing to say. Never throws.
 */
export function describeReason(reason: unknown): string | undefined {
  if (reason === undefined) return undefined;
  let text: string;
  try {
    text = isErrorLike(reason) ? describeError(reason) : String(reason);
  } catch {
    // A hostile toString(), a proxy, an object without prototype.
    text = Object.prototype.toString.call(reason);
  }
  return text === '' ? undefined : cut(text, MAX_REASON_LENGTH);
}

/** Cuts at `maxLength` UTF-16 units without leaving half a surrogate pair. */
export function cut(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  const end = maxLength - 1;
  const last = text.charCodeAt(end - 1);
  return `${text.slice(0, last >= 0xd800 && last <= 0xdbff ? end - 1 : end)}…`;
}

/** True for an error, or one in its `cause` chain, by which Node or a library says that a limit passed. */
export function isTimeoutError(reason: unknown): boolean {
  let error = reason;
  for (let depth = 0; depth < MAX_CAUSE_DEPTH && isErrorLike(error); depth++) {
    if (isTimeoutItself(error)) return true;
    error = error.cause;
  }
  return false;
}

/** True for the error of an abort, Node's own or the one that abort() makes when it is given no reason. */
export function isAbortError(reason: unknown): reason is ErrorLike {
  return isErrorLike(reason) && reason.name === 'AbortError';
}

export interface ErrorLike {
  readonly name: unknown;
  readonly message: unknown;
  readonly code?: unknown;
  readonly cause?: unknown;
  readonly stack?: unknown;
}

export function isErrorLike(value: unknown): value is ErrorLike {
  return typeof value === 'object' && value !== null && 'message' in value && 'name' in value;
}

function describeError(error: ErrorLike): string {
  const message = String(error.message);
  // Node's AbortError only wraps what the application gave as its reason.
  if (isAbortError(error) && error.cause !== undefined && error.cause !== error) {
    const cause = describeReason(error.cause);
    if (cause !== undefined) return cause;
  }
  return error.name === 'Error' ? message : `${String(error.name)}: ${message}`;
}

function isTimeoutItself(error: ErrorLike): boolean {
  if (error.name === 'TimeoutError') return true;
  switch (error.code) {
    case 'ETIMEDOUT':
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return true;
    case 'ECONNABORTED': // axios runs a timer of its own and names it only in the text
      return String(error.message).includes('timeout');
    default:
      return false;
  }
}

/** Abort reasons and errors: what they say, whatever type they have. */
import { cut } from '../operation/cut.ts';

const MAX_REASON_LENGTH = 256;
const MAX_CAUSE_DEPTH = 8;

/**
 * The text of a reason, at most 256 characters: `message` of a plain Error, `Name: message` of any
 * other error, `String(value)` of anything else. Undefined when there is nothing to say. Never throws.
 */
export function describeReason(reason: unknown): string | undefined {
  const text = textOf(reason, 0);
  return text === '' ? undefined : cut(text, MAX_REASON_LENGTH);
}

/** True for an error, or one in its `cause` chain, by which Node or a library says that a limit passed. */
export function isTimeoutError(reason: unknown): boolean {
  return attempt(() => {
    let error = reason;
    for (let depth = 0; depth < MAX_CAUSE_DEPTH && isErrorLike(error); depth++) {
      if (isTimeoutItself(error)) return true;
      error = error.cause;
    }
    return false;
  }, false);
}

/** Connect watches its deadlines by timers of its own, and aborts with this. */
export function isConnectDeadline(reason: unknown): boolean {
  return attempt(
    () => isErrorLike(reason) && reason.name === 'ConnectError' && reason.code === CONNECT_DEADLINE_EXCEEDED,
    false,
  );
}

/** The same in gRPC. */
const CONNECT_DEADLINE_EXCEEDED = 4;

/** True for the error of an abort, Node's own or the one that abort() makes when it is given no reason. */
export function isAbortError(reason: unknown): reason is ErrorLike {
  return isNamed(reason, 'AbortError');
}

/** True for an error of this name. */
export function isNamed(reason: unknown, name: string): reason is ErrorLike {
  return attempt(() => isErrorLike(reason) && reason.name === name, false);
}

/** The stack that an error has from where it was made. */
export function stackOf(reason: unknown): string | undefined {
  return attempt(
    () => (isErrorLike(reason) && typeof reason.stack === 'string' ? reason.stack : undefined),
    undefined,
  );
}

export interface ErrorLike {
  readonly name: unknown;
  readonly message: unknown;
  readonly code?: unknown;
  readonly cause?: unknown;
  readonly stack?: unknown;
}

export function isErrorLike(value: unknown): value is ErrorLike {
  return attempt(
    () => typeof value === 'object' && value !== null && 'message' in value && 'name' in value,
    false,
  );
}

/**
 * For `error.type`, which has to be of few values: the code where there is one, otherwise the class. A DOMException's
 * code is but a number.
 */
export function errorTypeOf(error: unknown): string {
  return attempt(() => {
    if (!isErrorLike(error)) return '_OTHER';
    return typeof error.code === 'string' ? error.code : String(error.name);
  }, '_OTHER');
}

/** An Error of this realm. Never throws. */
export function isError(value: unknown): value is Error {
  return attempt(() => value instanceof Error, false);
}

/** What an error has as its code, whatever that is. Never throws. */
export function codeOf(error: unknown): unknown {
  return attempt(() => (error as { readonly code?: unknown } | null | undefined)?.code, undefined);
}

/** True for an error of the operating system's. Never throws. */
export function isSystemError(error: unknown): boolean {
  return attempt(() => (error as NodeJS.ErrnoException | null | undefined)?.syscall !== undefined, false);
}

/** What an error has as its cause. Never throws. */
export function causeOf(error: unknown): unknown {
  return attempt(() => (error as { readonly cause?: unknown } | null | undefined)?.cause, undefined);
}

/** For the description of a status. Undefined for what is no error, or does not tell. Never throws. */
export function messageOf(error: unknown): string | undefined {
  return attempt(() => (isErrorLike(error) ? String(error.message) : undefined), undefined);
}

/** The reason of an aborted signal, which the application may have replaced. Never throws. */
export function reasonOf(signal: AbortSignal): unknown {
  return attempt(() => signal.reason, undefined);
}

/** `String(value)` of what may be anything. Undefined where that throws. */
export function asText(value: unknown): string | undefined {
  return attempt(() => String(value), undefined);
}

/** A reason is whatever the application gave: proxies and getters may throw when one looks at them. */
function attempt<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}

function textOf(reason: unknown, depth: number): string {
  if (reason === undefined || reason === null || depth === MAX_CAUSE_DEPTH) return '';
  try {
    return isErrorLike(reason) ? describeError(reason, depth) : String(reason);
  } catch {
    return attempt(() => Object.prototype.toString.call(reason), typeof reason);
  }
}

function describeError(error: ErrorLike, depth: number): string {
  // Node's AbortError only wraps what the application gave as its reason.
  const cause = isAbortError(error) ? textOf(error.cause, depth + 1) : '';
  if (cause !== '') return cause;
  const message = String(error.message);
  if (error.name === 'Error') return message;
  return message === '' ? String(error.name) : `${String(error.name)}: ${message}`;
}

function isTimeoutItself(error: ErrorLike): boolean {
  if (error.name === 'TimeoutError' || isConnectDeadline(error)) return true;
  switch (error.code) {
    case 'ETIMEDOUT':
    case 'ERR_HTTP_REQUEST_TIMEOUT':
    case 'FST_ERR_HANDLER_TIMEOUT':
      return true;
    case 'ECONNABORTED': // axios runs a timer of its own and names it only in the text
      return String(error.message).includes('timeout');
    default:
      return false;
  }
}

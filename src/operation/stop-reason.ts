/** The error with which we end what works for an operation that was cancelled, where the options say so. */

const reasons = new WeakSet<object>();
const MAX_CAUSE_DEPTH = 8;

export function createStopReason(): Error {
  const reason = new DOMException('the incoming operation was cancelled', 'AbortError');
  reasons.add(reason);
  return reason;
}

/** True for one, and for an error that has one among its causes. Never throws. */
export function isStopReason(error: unknown): boolean {
  try {
    let at = error;
    for (let depth = 0; depth < MAX_CAUSE_DEPTH && typeof at === 'object' && at !== null; depth++) {
      if (reasons.has(at)) return true;
      at = (at as { readonly cause?: unknown }).cause;
    }
    return false;
  } catch {
    return false;
  }
}

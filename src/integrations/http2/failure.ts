/** Ends that are neither a success nor a cancel, in the few words of `error.type`. */
import {
  causeOf,
  codeOf,
  describeReason,
  errorTypeOf,
  isError,
  messageOf,
} from '../../cancellation/reason.ts';
import { http2ErrorName } from '../../conventions/http2-error-code.ts';

export interface Failure {
  readonly kind: 'failure';
  /** For `error.type`: of few values. */
  readonly type: string;
  readonly message: string | undefined;
}

/** @param error what Node gave as the reason; without one it was the connection that broke */
export function failureFrom(error: unknown): Failure {
  if (!isError(error)) {
    return { kind: 'failure', type: 'ECONNRESET', message: 'the connection was lost' };
  }
  // Node's error for streams that wait for a connection wraps what is wrong with the connection.
  const cause = codeOf(error) === 'ERR_HTTP2_STREAM_CANCEL' ? causeOf(error) : undefined;
  if (isError(cause)) return failureFrom(cause);
  return { kind: 'failure', type: errorTypeOf(error), message: messageOf(error) };
}

/** @param thrown by a handler or by Node, of whatever type */
export function failureThrown(thrown: unknown): Failure {
  return isError(thrown)
    ? failureFrom(thrown)
    : { kind: 'failure', type: '_OTHER', message: describeReason(thrown) };
}

export function failureOfCode(rstCode: number): Failure {
  const known = http2ErrorName(rstCode);
  const name = known === undefined ? String(rstCode) : `NGHTTP2_${known}`; // as Node calls it
  return { kind: 'failure', type: name, message: `the peer closed the stream with ${name}` };
}

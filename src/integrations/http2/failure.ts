/** Ends that are neither a success nor a cancel, in the few words of `error.type`. */
import { describeReason } from '../../cancellation/reason.ts';
import { http2ErrorName } from '../../conventions/http2-error-code.ts';

export interface Failure {
  readonly kind: 'failure';
  /** For `error.type`: of few values. */
  readonly type: string;
  readonly message: string | undefined;
}

/** @param error what Node gave as the reason; without one it was the connection that broke */
export function failureFrom(error: unknown): Failure {
  if (!(error instanceof Error)) {
    return { kind: 'failure', type: 'ECONNRESET', message: 'the connection was lost' };
  }
  const { code } = error as NodeJS.ErrnoException;
  // Node's error for streams that wait for a connection wraps what is wrong with the connection.
  if (code === 'ERR_HTTP2_STREAM_CANCEL' && error.cause instanceof Error) return failureFrom(error.cause);
  return { kind: 'failure', type: typeof code === 'string' ? code : error.name, message: error.message };
}

/** @param thrown by a handler or by Node, of whatever type */
export function failureThrown(thrown: unknown): Failure {
  return thrown instanceof Error
    ? failureFrom(thrown)
    : { kind: 'failure', type: '_OTHER', message: describeReason(thrown) };
}

export function failureOfCode(rstCode: number): Failure {
  const known = http2ErrorName(rstCode);
  const name = known === undefined ? String(rstCode) : `NGHTTP2_${known}`; // as Node calls it
  return { kind: 'failure', type: name, message: `the peer closed the stream with ${name}` };
}

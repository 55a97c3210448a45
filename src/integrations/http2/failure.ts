/** Ends that are neither a success nor a cancel, in the few words of `error.type`. */
import { describeReason } from '../../cancellation/reason.ts';
import { http2 } from '../../hook/built-ins.ts';

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
  const name = CODE_NAMES.get(rstCode) ?? String(rstCode);
  return { kind: 'failure', type: name, message: `the peer closed the stream with ${name}` };
}

/** RFC 9113, section 7, by Node's names. */
const CODE_NAMES = new Map(
  (
    [
      'NGHTTP2_NO_ERROR',
      'NGHTTP2_PROTOCOL_ERROR',
      'NGHTTP2_INTERNAL_ERROR',
      'NGHTTP2_FLOW_CONTROL_ERROR',
      'NGHTTP2_SETTINGS_TIMEOUT',
      'NGHTTP2_STREAM_CLOSED',
      'NGHTTP2_FRAME_SIZE_ERROR',
      'NGHTTP2_REFUSED_STREAM',
      'NGHTTP2_CANCEL',
      'NGHTTP2_COMPRESSION_ERROR',
      'NGHTTP2_CONNECT_ERROR',
      'NGHTTP2_ENHANCE_YOUR_CALM',
      'NGHTTP2_INADEQUATE_SECURITY',
      'NGHTTP2_HTTP_1_1_REQUIRED',
    ] as const
  ).map((name) => [http2.constants[name] as number, name]),
);

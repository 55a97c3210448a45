/** How a server ended a request, and what that means for whoever has set a limit. Pure. */
import { grpcStatusName } from '../conventions/grpc-status.ts';
import { http2ErrorName } from '../conventions/http2-error-code.ts';

export interface Answer {
  /** `closed`: the connection, without an answer. `silent`: not at all while it was waited for. `gone`: nothing listens any more. */
  readonly how: 'answered' | 'reset' | 'closed' | 'silent' | 'gone';
  /** Of HTTP; of gRPC only where it is not 200. */
  readonly status: number | undefined;
  readonly grpcStatus: number | undefined;
  /** Of a RST_STREAM. */
  readonly resetCode: number | undefined;
  /** Since the request was sent. */
  readonly tookMs: number;
}

/**
 * `ok`: as without a limit. `late`: it says that the limit has passed. `refused`: it says that the request is wrong. `failed`: it says that
 * something is wrong with itself. `none`: it says nothing.
 */
export type Meaning = 'ok' | 'late' | 'refused' | 'failed' | 'none';

const CANCEL = 8;

export function meaningOf({ how, status, grpcStatus, resetCode }: Answer, isGrpc: boolean): Meaning {
  // grpc-go resets a stream of which the deadline has passed.
  if (how === 'reset' && isGrpc && resetCode === CANCEL) return 'late';
  if (how !== 'answered') return 'none';
  if (grpcStatus !== undefined) {
    const name = grpcStatusName(grpcStatus);
    if (name === 'OK') return 'ok';
    if (name === 'DEADLINE_EXCEEDED') return 'late';
    return name === 'INVALID_ARGUMENT' ? 'refused' : 'failed';
  }
  if (status === undefined) return 'none';
  if (status === 408 || status === 504) return 'late';
  if (status >= 400) return status < 500 ? 'refused' : 'failed';
  return status >= 200 && status < 300 && !isGrpc ? 'ok' : 'failed';
}

/** `504 after 203 ms` */
export function describeAnswer(answer: Answer): string {
  const after = `after ${wholeMs(answer.tookMs)}`;
  switch (answer.how) {
    case 'answered':
      return `${codeOf(answer)} ${after}`;
    case 'reset':
      return `reset with ${http2ErrorName(answer.resetCode) ?? `code ${answer.resetCode}`} ${after}`;
    case 'closed':
      return `the connection was closed without an answer ${after}`;
    case 'silent':
      return `no answer for ${wholeMs(answer.tookMs)}`;
    case 'gone':
      return 'nothing listens there any more';
  }
}

function codeOf({ status, grpcStatus }: Answer): string {
  if (grpcStatus !== undefined) return grpcStatusName(grpcStatus) ?? `grpc-status ${grpcStatus}`;
  return status === undefined ? 'an answer without grpc-status' : String(status);
}

export function isGrpcInternal({ grpcStatus }: Answer): boolean {
  return grpcStatusName(grpcStatus) === 'INTERNAL';
}

/** `1,203 ms` */
export function wholeMs(ms: number): string {
  return `${Math.round(ms).toLocaleString('en-US')} ms`;
}

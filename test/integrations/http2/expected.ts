/** What the spans of a stream must say, and acts whose names are what `cancel.origin` must say. */
import http2 from 'node:http2';
import type { Expectation } from '../../support/contract.ts';

const { NGHTTP2_CANCEL } = http2.constants;

/** The client has ended it while it waited. */
export const canceledHere: Expectation = {
  outcome: 'context.canceled',
  initiator: 'local',
  phase: 'wait',
  status: 'unset',
  attributes: { 'network.connection.reused_after': true },
};

/** What the server knows of a client that leaves while the handler works. */
export const leftByReset: Expectation = {
  outcome: 'context.canceled',
  initiator: 'peer',
  trigger: 'reset',
  phase: 'handle',
  origin: null,
  status: 'unset',
  attributes: { 'http2.rst_code': 8, 'http.response.status_code': undefined },
};

export const disconnected: Expectation = {
  ...leftByReset,
  trigger: 'disconnect',
  attributes: { 'http2.rst_code': undefined, 'http.response.status_code': undefined },
};

/** The server has ended it while its handler worked. */
export const endedHere: Expectation = {
  outcome: 'context.canceled',
  initiator: 'local',
  phase: 'handle',
  status: 'unset',
  attributes: { 'http.response.status_code': undefined, 'network.connection.reused_after': undefined },
};

/** What the client knows of that. */
export const resetByServer: Expectation = {
  outcome: 'context.canceled',
  initiator: 'peer',
  trigger: 'reset',
  phase: 'wait',
  origin: null,
  status: 'unset',
  attributes: { 'http2.rst_code': 8, 'network.connection.reused_after': true },
};

/** Nobody has cancelled it. */
export const unmarked: Expectation = {
  outcome: undefined,
  status: 'unset',
  attributes: { 'error.type': undefined },
};

export function failed(errorType: string): Expectation {
  return { outcome: undefined, status: 'error', attributes: { 'error.type': errorType } };
}

export function withRst(expectation: Expectation, rstCode: number | undefined): Expectation {
  return { ...expectation, attributes: { ...expectation.attributes, 'http2.rst_code': rstCode } };
}

export function cancelStream(stream: http2.Http2Stream): void {
  stream.close(NGHTTP2_CANCEL);
}

export function closeStream(stream: http2.Http2Stream): void {
  stream.close();
}

export function destroyStream(stream: http2.Http2Stream, error?: Error): void {
  stream.destroy(error);
}

export function abortWith(controller: AbortController, reason: unknown): void {
  controller.abort(reason);
}

export function timeoutSignal(ms: number): AbortSignal {
  return AbortSignal.timeout(ms);
}

export function limitStream(stream: http2.Http2Stream, ms: number): void {
  stream.setTimeout(ms, () => stream.close(NGHTTP2_CANCEL));
}

export function destroySession(session: http2.Http2Session, error?: Error): void {
  session.destroy(error);
}

export function limitSession(session: http2.Http2Session, ms: number): void {
  session.setTimeout(ms, () => session.destroy());
}

export async function readFirst(stream: http2.ClientHttp2Stream): Promise<void> {
  for await (const _chunk of stream) break;
}

export function destroyResponse(response: http2.Http2ServerResponse | undefined, error: Error): void {
  response?.destroy(error);
}

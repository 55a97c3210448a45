/** A request over HTTP/2 or gRPC, without any library of gRPC: that one would keep the limits itself. */
import http2 from 'node:http2';
import type { Answer } from './answer.ts';
import type { Afterwards, Ask, Exchange, LateFrame } from './exchange.ts';
import { DATA, FrameTap, GOAWAY, HEADERS, RST_STREAM } from './frame-tap.ts';
import { connect, type Target } from './target.ts';

const { NGHTTP2_CANCEL } = http2.constants;
const PING_LIMIT_MS = 2_000;

export async function connectHttp2(target: Target, ask: Ask): Promise<Exchange> {
  const socket = await connect(target);
  const late: LateFrame[] = [];
  let leftMs: number | undefined;
  let hasGoAway = false;
  const seen = { isReset: false, isComplete: false };
  const tap = new FrameTap(socket, ({ type, streamId, bytes, isLast }) => {
    if (type === GOAWAY) hasGoAway = true;
    if (streamId !== stream.id) return;
    if (type === RST_STREAM) seen.isReset = true;
    if (type !== DATA && type !== HEADERS) return;
    seen.isComplete ||= isLast;
    if (leftMs === undefined) return;
    late.push({ type, bytes, afterMs: performance.now() - leftMs });
  });
  const session = http2.connect(target.url.origin, { createConnection: () => tap });
  session.on('error', () => {}); // told by the stream's close
  const stream = session.request(headersOf(target, ask), { endStream: target.body === undefined });
  const ended = answerOf(stream, ask.limitMs, seen);
  const sendBody = (): void => void (stream.destroyed || stream.end(target.body));
  const sending = ask.bodyAfterMs === undefined ? undefined : setTimeout(sendBody, ask.bodyAfterMs);
  if (sending === undefined && target.body !== undefined) sendBody();

  return {
    ended,
    leave(): void {
      leftMs = performance.now();
      stream.close(NGHTTP2_CANCEL);
    },
    async afterwards(): Promise<Afterwards> {
      return { late, pingMs: await ping(session), hasGoAway };
    },
    close(): void {
      clearTimeout(sending);
      session.destroy();
      socket.destroy();
    },
  };
}

function headersOf({ protocol, method, url, headers }: Target, ask: Ask): http2.OutgoingHttpHeaders {
  return {
    ':method': protocol === 'grpc' ? 'POST' : method,
    ':path': ask.path,
    ':scheme': url.protocol.slice(0, -1),
    ':authority': url.host,
    ...(protocol === 'grpc' ? { 'content-type': 'application/grpc', te: 'trailers' } : {}),
    ...headers,
    ...ask.headers,
  };
}

/** @param seen of the server's frames: a connection that is gone closes the stream as well */
function answerOf(
  stream: http2.ClientHttp2Stream,
  limitMs: number,
  seen: { readonly isReset: boolean; readonly isComplete: boolean },
): Promise<Answer> {
  const startMs = performance.now();
  return new Promise((resolve) => {
    let status: number | undefined;
    let grpcStatus: number | undefined;
    const readStatus = (headers: http2.IncomingHttpHeaders): void => {
      if (headers['grpc-status'] !== undefined) grpcStatus = Number(headers['grpc-status']);
    };
    const end = (how: Answer['how'], resetCode?: number): void => {
      clearTimeout(timer);
      resolve({ how, status, grpcStatus, resetCode, tookMs: performance.now() - startMs });
    };
    const timer = setTimeout(() => end('silent'), limitMs);
    stream.on('response', (headers) => {
      status = headers[':status'];
      readStatus(headers);
    });
    stream.on('trailers', readStatus);
    stream.on('error', () => {});
    // The request may not be at its end yet; trailers come in this turn.
    stream.on('end', () => setImmediate(() => seen.isComplete && end('answered')));
    stream.on('close', () => {
      if (seen.isComplete) end('answered');
      else end(seen.isReset ? 'reset' : 'closed', stream.rstCode);
    });
    stream.resume();
  });
}

function ping(session: http2.ClientHttp2Session): Promise<number | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), PING_LIMIT_MS);
    const end = (ms: number | undefined): void => {
      clearTimeout(timer);
      resolve(ms);
    };
    if (session.destroyed || session.closed) return end(undefined);
    session.once('close', () => end(undefined));
    session.ping((error, durationMs) => end(error === null ? durationMs : undefined));
  });
}

/**
 * Which stream a request goes over, where the connection speaks HTTP/2: undici does not say. It makes one for the
 * request that is next in the queue of its client.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import { codeOf } from '../../cancellation/reason.ts';
import { http2 } from '../../hook/built-ins.ts';
import { after } from '../../hook/observe.ts';
import type { Undo } from '../../hook/replace.ts';
import type { Exchange } from './exchange.ts';
import { hidden, kExchange, type UndiciRequest } from './internals.ts';
import type { Watch } from './watch.ts';

const CONNECTED = 'undici:client:connected';
/** On a session: the client of undici that has made it; null when it is somebody else's. */
const kClient: unique symbol = Symbol('opentelemetry.cancellation.undici.client');

interface Session extends ClientHttp2Session {
  [kClient]?: object | null;
}

export function watchStreams({ installation }: Watch): Undo {
  let undo: Undo | undefined;
  /** The first session shows the class of all. */
  const connected = installation.guard((message: unknown): void => {
    if (undo !== undefined || !installation.isActive) return;
    const session = hidden(
      hidden((message as { readonly socket: unknown }).socket, 'client'),
      'http2Session',
    );
    if (typeof session !== 'object' || session === null) return;
    undo = watchRequest(Object.getPrototypeOf(session), installation);
  });
  subscribe(CONNECTED, connected);
  return () => {
    unsubscribe(CONNECTED, connected);
    undo?.();
  };
}

function watchRequest(prototype: object, installation: Watch['installation']): Undo {
  return after(prototype, 'request', installation, (session: Session, [headers]: unknown[], stream) => {
    const exchange = nextOf(session, headers);
    if (exchange === undefined) return;
    exchange.stream = stream as ClientHttp2Stream;
    exchange.session = session;
  });
}

function nextOf(session: Session, headers: unknown): Exchange | undefined {
  if (session[kClient] === undefined) {
    const client = hidden(session, 'client');
    const value = typeof client === 'object' ? client : null;
    Object.defineProperty(session, kClient, { value });
  }
  const client = session[kClient];
  if (!client) return undefined;
  const queue = hidden(client, 'queue');
  const next: unknown = Array.isArray(queue) ? queue[Number(hidden(client, 'pending index'))] : undefined;
  if (typeof next !== 'object' || next === null) return undefined;
  const request = next as UndiciRequest;
  const isSame = (headers as Readonly<Record<string, unknown>>)[':path'] === request.path;
  return isSame ? request[kExchange] : undefined;
}

/**
 * What undici is about to put into the RST_STREAM: it tells of the end of a request before it sends that.
 *
 * @returns undefined when nothing is to be sent
 */
export function codeToSend({ stream, isHeadSent }: Exchange, error: unknown): number | undefined {
  if (stream === undefined || stream.pending || stream.closed) return undefined;
  // 7 and later close the stream, and say when they send a head; 6 does not, and destroys it with the error.
  if (isHeadSent) return http2.constants.NGHTTP2_NO_ERROR;
  return codeOf(error) === 'ABORT_ERR'
    ? http2.constants.NGHTTP2_CANCEL
    : http2.constants.NGHTTP2_INTERNAL_ERROR;
}

/** The server has called the request off. Node closes the streams of a lost connection with the same code. */
export function isCancelledByPeer({ stream, session }: Exchange): boolean {
  return stream?.rstCode === http2.constants.NGHTTP2_CANCEL && session?.destroyed === false;
}

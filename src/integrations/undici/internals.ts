/** undici's objects beyond their public types, and what is kept on them. */
import type { Call } from './call.ts';
import type { Exchange } from './exchange.ts';

/** On a request that is in flight. */
export const kExchange: unique symbol = Symbol('opentelemetry.cancellation.undici');
/** On a handler: the call that waits with it. */
export const kCall: unique symbol = Symbol('opentelemetry.cancellation.undici.call');
/** On a dispatcher: the calls that wait in its queue. */
export const kQueue: unique symbol = Symbol('opentelemetry.cancellation.undici.queue');

/** undici's Request, as its channels show it; the same in 6, 7, 8 and in Node 20 to 26. */
export interface UndiciRequest {
  readonly origin: string | URL;
  readonly path: string;
  readonly method: string;
  readonly body: unknown;
  readonly headers: unknown;
  /** In ms; null or undefined where the client's own holds. */
  readonly headersTimeout?: number | null;
  readonly bodyTimeout?: number | null;
  /** The protocol that the connection is to speak from then on, if any. */
  readonly upgrade?: unknown;
  /** Set when the request is put on a connection. */
  readonly abort: unknown;
  /** Was missing in 6.11.0. */
  addHeader?(name: string, value: string): unknown;
  /** The server has agreed to that; up to 7. Not every version tells of it on a channel. */
  onUpgrade?(statusCode: number, headers: unknown, socket: unknown): unknown;
  /** Ends a request that is on no connection yet; up to 7. */
  onError?(error: unknown): unknown;
  /** The same in 8. */
  onResponseError?(error: unknown): unknown;
  [kExchange]?: Exchange;
}

export interface Handler {
  [kCall]?: Call;
}

export interface Dispatcher {
  readonly destroyed: boolean;
  /** Of a pool: how many requests wait for a connection of it. */
  readonly stats?: { readonly queued?: number };
  [kQueue]?: Set<Call>;
}

/**
 * What undici keeps of its objects, under symbols of which every copy of it has its own: 6 to 8 name them alike.
 *
 * @returns undefined when there is no such thing
 */
export function hidden(object: unknown, description: string): unknown {
  if (typeof object !== 'object' || object === null) return undefined;
  const key = Object.getOwnPropertySymbols(object).find((own) => own.description === description);
  return key && Reflect.get(object, key);
}

/**
 * A client that asks again by itself when a request has failed, for whatever reason. A try after the cancel, of what was first tried before
 * it, ends as the first one did; all else that is started after a cancel is the application's own decision, as its clean-up is.
 */
import { isProxy } from 'node:util/types';
import type { Context } from '@opentelemetry/api';
import type { Host } from '../../host.ts';
import type { Call } from './call.ts';
import { dataOf, isObject } from './given.ts';
import type { Watch } from './watch.ts';

/** How many tries were before this one: 0 and more, by clients that Stainless makes, such as those of OpenAI and Anthropic. */
const RETRIES_HEADER = 'x-stainless-retry-count';

/** A request has failed, or leads elsewhere. Handlers of undici that ask again, RetryHandler and RedirectHandler, have what they ask by. */
export function rememberAsking(watch: Watch, handler: object | undefined, parent: Context): void {
  if (handler !== undefined && typeof dataOf(handler, 'dispatch') === 'function') {
    watch.askedIn.set(handler, parent);
  }
}

/** @param init of fetch() */
export function isRetryOfCancelled(host: Host, call: Call, init: unknown): boolean {
  const tried = host.triedSinceCancel();
  if (tried === undefined) return false;
  const retries = readHeader(dataOf(init, 'headers'), RETRIES_HEADER);
  const target = typeof retries === 'string' ? call.target?.() : undefined;
  if (target === undefined) return false;
  const request = `${target.method} ${target.origin}${target.path}`;
  if (Number(retries) > 0) return !tried.has(request);
  tried.add(request);
  return false;
}

/** @param name in lower case */
function readHeader(headers: unknown, name: string): unknown {
  if (!isObject(headers) || isProxy(headers)) return undefined;
  return headers instanceof Headers ? Headers.prototype.get.call(headers, name) : dataOf(headers, name);
}

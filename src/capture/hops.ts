/** A proxy that makes no spans passes a request on with the `traceparent` that it got: that is how its two hops are known to be one request. */
import type { WireExchange } from './exchange.ts';

export type HopBefore = Pick<
  WireExchange,
  'client' | 'server' | 'limitHeaders' | 'limit' | 'requestAtMs' | 'hasUnreadHeaders'
>;

/** Of these nobody waits for longer. */
const MAX_FOLLOWED = 10_000;

export class Hops {
  /** By trace and span; the latest hop of each, the oldest first. */
  readonly #latest = new Map<string, WireExchange>();

  begun(exchange: WireExchange): void {
    const { traceId, spanId } = exchange;
    if (traceId === undefined || spanId === undefined) return;
    const key = `${traceId} ${spanId}`;
    const before = this.#latest.get(key);
    // One that is asked once more, of the same server or after the first has ended, is no hop.
    const isHop =
      before !== undefined &&
      before.server !== exchange.server &&
      before.answerEndAtMs === undefined &&
      before.cut === undefined;
    if (isHop) {
      const { client, server, limitHeaders, limit, requestAtMs, hasUnreadHeaders } = before;
      exchange.hopBefore = { client, server, limitHeaders, limit, requestAtMs, hasUnreadHeaders };
      before.isPassedOn = true;
    }
    this.#latest.delete(key);
    this.#latest.set(key, exchange);
    const [oldest] = this.#latest.keys();
    if (this.#latest.size > MAX_FOLLOWED && oldest !== undefined) this.#latest.delete(oldest);
  }
}

export interface ChangedLimit {
  readonly how: 'lost' | 'raised' | 'lowered' | 'added';
  readonly before: HopBefore;
}

/** Less may have gone by before it was passed on: ms. */
const TOLERANCE_MS = 10;

/** @returns undefined when the limit was passed on as it was, or less what had gone by */
export function changedLimit({
  hopBefore: before,
  limit,
  requestAtMs,
  hasUnreadHeaders,
}: WireExchange): ChangedLimit | undefined {
  if (before === undefined || before.hasUnreadHeaders || hasUnreadHeaders) return undefined;
  const had = before.limit?.header === undefined ? undefined : before.limit.timeoutMs;
  const has = limit?.header === undefined ? undefined : limit.timeoutMs;
  if (had === undefined) return has === undefined ? undefined : { how: 'added', before };
  if (has === undefined) return { how: 'lost', before };
  if (has > had + TOLERANCE_MS) return { how: 'raised', before };
  const leftMs = had - (requestAtMs - before.requestAtMs);
  return has < leftMs - TOLERANCE_MS ? { how: 'lowered', before } : undefined;
}

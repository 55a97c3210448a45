/** Requests for the same, of the same server, one after the other: whoever looks for one of them by what it asks for has to know of the others. */
import type { WireExchange } from './exchange.ts';

const MAX_FOLLOWED = 10_000;

export class Rivals {
  /** By what is asked for; the latest of each, the oldest first. */
  readonly #latest = new Map<string, WireExchange>();
  /** Of those that are not followed any more: Unix time in ms. */
  #forgottenAtMs: number | undefined;

  begun(exchange: WireExchange): void {
    const key = askedFor(exchange);
    const before = this.#latest.get(key);
    exchange.rivalBeforeAtMs = before?.requestAtMs ?? this.#forgottenAtMs;
    if (before !== undefined) before.rivalAfterAtMs = exchange.requestAtMs;
    this.#latest.delete(key);
    this.#latest.set(key, exchange);
    const [oldest] = this.#latest.values();
    if (this.#latest.size > MAX_FOLLOWED && oldest !== undefined) this.#forget(oldest);
  }

  #forget(exchange: WireExchange): void {
    this.#latest.delete(askedFor(exchange));
    this.#forgottenAtMs = Math.max(exchange.requestAtMs, this.#forgottenAtMs ?? 0);
    // One after it would not be known.
    exchange.rivalAfterAtMs = exchange.requestAtMs;
  }
}

/** Without the query. */
export function askedFor({
  server,
  method,
  target,
}: Pick<WireExchange, 'server' | 'method' | 'target'>): string {
  return `${server} ${method} ${target.split('?')[0]}`;
}

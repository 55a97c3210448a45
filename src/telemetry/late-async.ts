/** For how long of the time after a cancel something was pending for its handler, by the type of async resource. */
import { type AsyncResource, wayTo } from './async-chain.ts';

interface PendingType {
  /** How many are. */
  count: number;
  /** On the clock of performance.now(): since when at least one is. */
  sinceMs: number;
  /** How long that was before. */
  totalMs: number;
  readonly first: AsyncResource;
}

export interface LateType {
  readonly type: string;
  /** Of several at the same time the union, not the sum. */
  readonly wastedMs: number;
  /** Of the first that was pending; 0: not known. */
  readonly depth: number;
}

export class LateAsync {
  readonly #types = new Map<string, PendingType>();

  /** @param pending at the cancel */
  constructor(pending: Iterable<AsyncResource>, atMs: number) {
    for (const resource of pending) this.made(resource, atMs);
  }

  made(resource: AsyncResource, atMs: number): void {
    const known = this.#types.get(resource.type);
    if (known === undefined)
      this.#types.set(resource.type, { count: 1, sinceMs: atMs, totalMs: 0, first: resource });
    else if (known.count++ === 0) known.sinceMs = atMs;
  }

  over({ type }: AsyncResource, atMs: number): void {
    const known = this.#types.get(type);
    if (known !== undefined && --known.count === 0) known.totalMs += atMs - known.sinceMs;
  }

  /** Those that were pending longest first. @param wastedMs how long it went on, up to `atMs` */
  types(wastedMs: number, atMs: number, max: number): LateType[] {
    const timed = [...this.#types].map(([type, { count, sinceMs, totalMs, first }]) => {
      const pendingMs = totalMs + (count > 0 ? Math.max(atMs - sinceMs, 0) : 0);
      return { type, first, wastedMs: Math.min(pendingMs, wastedMs) };
    });
    return timed
      .sort((a, b) => b.wastedMs - a.wastedMs)
      .slice(0, max)
      .map(({ first, ...late }) => ({ ...late, depth: wayTo(first).depth }));
  }
}

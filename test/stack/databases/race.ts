/** Ten thousand requests whose clients leave at about the time when their query ends. */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { Visits } from './visits.ts';

export const RACES = 10_000;
const AT_ONCE = 10;

export type Race = {
  /** Of a request: runs for about so long. */
  query(ms: number): Promise<void>;
  /** Right behind it on the same connection, for nobody that could leave. */
  next(): Promise<void>;
  release(): void;
};

/**
 * @param start takes a connection from a pool
 * @param isCancelled whether that is what a query failed of
 * @returns how many were cancelled
 */
export async function raceAll(
  visits: Visits,
  start: () => Promise<Race>,
  isCancelled: (error: unknown) => boolean,
): Promise<number> {
  let cancelled = 0;
  let left = RACES;
  async function race(): Promise<void> {
    const lane = await start();
    try {
      const { promise: begun, resolve: begin } = promiseWithResolvers();
      const visit = visits.visit(async () => {
        begin();
        return await lane.query(25 * Math.random()).catch((error: unknown) => error);
      });
      await begun;
      await delay(10 * Math.random());
      void visit.leave();
      const result = await visit.result;
      if (isCancelled(result)) cancelled++;
      else assert.equal(result, undefined);
      await lane.next();
    } finally {
      lane.release();
    }
  }
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (left-- > 0) await race();
    }),
  );
  return cancelled;
}

function promiseWithResolvers(): { readonly promise: Promise<void>; resolve(): void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

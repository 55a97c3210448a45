/** What is there in this process after a collection. */
import { getEventListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { queryObjects } from 'node:v8';

export interface Left {
  readonly heapBytes: number;
  /** On the signal that all operations share. */
  readonly signalListeners: number;
  readonly processListeners: number;
  /** Those that do not keep the process alive, and those that are cleared and kept by somebody, too. */
  readonly timers: number;
  readonly weakRefs: number;
  /** What keeps the process alive. */
  readonly handles: number;
}

/** Some are needed: what a finalizer lets go is collected by the next one. */
const COLLECTIONS = 6;
/** Sockets close, and finalizers run, in between. */
const BETWEEN_MS = 20;

const Timer = setTimeout(() => {}, 0).constructor as new () => object;

export async function leftNow(shared: AbortSignal): Promise<Left> {
  let heapBytes = Number.POSITIVE_INFINITY;
  for (let count = 0; count < COLLECTIONS; count++) {
    globalThis.gc?.();
    heapBytes = Math.min(heapBytes, process.memoryUsage().heapUsed);
    await sleep(BETWEEN_MS);
  }
  return {
    heapBytes,
    signalListeners: getEventListeners(shared, 'abort').length,
    processListeners: process
      .eventNames()
      .reduce((sum, name) => sum + process.listenerCount(name as 'exit'), 0),
    timers: countOf(Timer),
    weakRefs: countOf(WeakRef),
    handles: process.getActiveResourcesInfo().length,
  };
}

function countOf(type: new (...args: never[]) => object): number {
  return queryObjects(type as new () => object, { format: 'count' }) as unknown as number;
}

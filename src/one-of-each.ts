/**
 * Of several instances in one process only one makes operations of a library: the first that is switched on. The
 * others stand back until it is switched off. They may be of several copies of this package, such as one that `register`
 * was loaded from and one in the application's bundle.
 */

/** By the name of an integration: what begins it, of each instance that has it; the first one has begun. */
type Queues = Map<string, (() => void)[]>;

/** Shared by all copies: what is found there stays a Map of arrays of functions. */
const kQueues: unique symbol = Symbol.for('opentelemetry-instrumentation-cancellation.instances');

type Global = typeof globalThis & { [kQueues]?: Queues };

/** Calls `begin` now, or when all that came before have left. */
export function beginInTurn(name: string, begin: () => void): void {
  const queues = (globalThis as Global)[kQueues] ?? new Map();
  Object.defineProperty(globalThis, kQueues, { value: queues, configurable: true });
  const queue = queues.get(name) ?? [];
  queues.set(name, queue);
  queue.push(begin);
  if (queue[0] === begin) begin();
}

/** The next one begins, if this one had. */
export function leaveTurn(name: string, begin: () => void): void {
  const queues = (globalThis as Global)[kQueues];
  const queue = queues?.get(name);
  const place = queue?.indexOf(begin) ?? -1;
  if (queues === undefined || queue === undefined || place < 0) return;
  queue.splice(place, 1);
  if (queue.length === 0) queues.delete(name);
  if (queues.size === 0) Reflect.deleteProperty(globalThis, kQueues);
  if (place === 0) queue[0]?.();
}

/**
 * The dispatchers that fetch() and the functions of the package use when they are given none. Whichever
 * undici is loaded first provides it for all: Node's own, of which no file can be patched, serves the
 * package too. undici 8 has one of its own, and an adapter for the others.
 */
import { watchPrototype } from './dispatcher-hooks.ts';
import type { Watch } from './watch.ts';

const KEYS = [Symbol.for('undici.globalDispatcher.1'), Symbol.for('undici.globalDispatcher.2')];

/** To be called again and again: Node loads its undici when it is first used. */
export function findGlobalDispatchers(watch: Watch): void {
  const { globalDispatchers: known, undos } = watch;
  for (let index = 0; index < KEYS.length; index++) {
    const dispatcher: unknown = Reflect.get(globalThis, KEYS[index] as symbol);
    if (dispatcher === known[index]) continue;
    known[index] = dispatcher;
    const prototype = baseOf(dispatcher);
    if (prototype !== undefined) undos.push(watchPrototype(watch, prototype));
  }
}

/** The prototype of DispatcherBase, from which every dispatcher that has connections inherits. */
function baseOf(dispatcher: unknown): object | undefined {
  if (typeof dispatcher !== 'object') return undefined;
  for (let object = dispatcher; object !== null; object = Object.getPrototypeOf(object)) {
    if (object.constructor?.name === 'DispatcherBase' && Object.hasOwn(object, 'dispatch')) {
      return object;
    }
  }
  return undefined;
}

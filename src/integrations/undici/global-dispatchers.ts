/**
 * The dispatchers that fetch() and the functions of the package use when they are given none. Whichever
 * undici is loaded first provides it for all: Node's own, of which no file can be patched, serves the
 * package too. undici 8 has one of its own, and an adapter for the others.
 */
import type { Installation } from '../../hook/installation.ts';
import { type Undo, undoAll } from '../../hook/replace.ts';
import type { Host } from '../../integration.ts';
import { watchDispatcher } from './dispatcher.ts';

const KEYS = [Symbol.for('undici.globalDispatcher.1'), Symbol.for('undici.globalDispatcher.2')];
const known: unknown[] = [undefined, undefined];
let watch: ((base: unknown) => void) | undefined;

export function watchGlobalDispatchers(host: Host, installation: Installation): Undo {
  const undos: Undo[] = [];
  watch = (base) => {
    undos.push(watchDispatcher(base, host, installation));
  };
  findGlobalDispatchers();
  return () => {
    watch = undefined;
    known.fill(undefined);
    undoAll(undos);
  };
}

/** To be called again and again: Node loads its undici when it is first used. */
export function findGlobalDispatchers(): void {
  for (let index = 0; index < KEYS.length; index++) {
    const dispatcher: unknown = Reflect.get(globalThis, KEYS[index] as symbol);
    if (dispatcher === known[index]) continue;
    known[index] = dispatcher;
    const base = baseOf(dispatcher);
    if (base !== undefined) watch?.(base);
  }
}

function baseOf(dispatcher: unknown): unknown {
  if (typeof dispatcher !== 'object') return undefined;
  for (let object = dispatcher; object !== null; object = Object.getPrototypeOf(object)) {
    if (object.constructor?.name === 'DispatcherBase' && Object.hasOwn(object, 'dispatch')) {
      return object.constructor;
    }
  }
  return undefined;
}

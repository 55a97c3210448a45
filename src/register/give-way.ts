/**
 * The API keeps the first SDK that is set up and refuses all later ones, which then export nothing. `register` comes
 * first by its nature, so its globals give way: whoever sets one of them takes it over.
 *
 * The API has no way to ask for that. But every copy of it, of which a process may have several (of 1.10 one for
 * CommonJS and one for ES modules), registers in the same object, and assigns this object to `globalThis` right before it
 * looks whether the place is taken. That is the moment at which ours step aside; they are back at the next look.
 *
 * To see it costs some 50 ns for every look at a global, of which an operation takes several. So it ends when an
 * application has long been set up.
 */
import { type GlobalApi, type GlobalWithApi, globalApi, kGlobalApi } from '../global-api.ts';

export type GlobalName = 'trace' | 'context' | 'propagation' | 'metrics';

const WINDOW_MS = 30_000;

export interface Listener {
  /** Somebody has set it, whether or not it was ours. */
  taken(name: GlobalName): void;
  /** Somebody tried to, with another version of the API. Said once. */
  refused(): void;
}

const NAMES: readonly GlobalName[] = ['trace', 'context', 'propagation', 'metrics'];

/**
 * To be called when they are set.
 * @param ours what gives way
 */
export function giveWay(ours: Iterable<GlobalName>, listener: Listener): void {
  const global: GlobalWithApi = globalThis;
  const registered = globalApi();
  if (registered === undefined) return;
  const yielding = new Set(ours);
  let isUntouched = true;
  /** Set while somebody registers: what was there. */
  let before: GlobalApi | undefined;

  function stepAside(now: GlobalApi): void {
    before = { ...now };
    for (const name of yielding) now[name] = undefined;
  }

  function comeBack(now: GlobalApi, was: GlobalApi): void {
    before = undefined;
    const taken = NAMES.filter((name) =>
      yielding.has(name) ? now[name] !== undefined : now[name] !== was[name],
    );
    for (const name of taken) yielding.delete(name);
    for (const name of yielding) now[name] = was[name];
    // Later, since the API is still in the middle of it.
    for (const name of taken) queueMicrotask(() => listener.taken(name));
    // Nothing has changed, though ours were out of the way: the versions differ, and the API wants them to be the same.
    const isRefused = isUntouched && taken.length === 0 && isSame(now, was);
    if (isRefused) queueMicrotask(() => listener.refused());
    if (isRefused || taken.length > 0) isUntouched = false;
  }

  Object.defineProperty(global, kGlobalApi, {
    configurable: true,
    enumerable: true,
    get() {
      if (before !== undefined) comeBack(registered, before);
      return registered;
    },
    set(value: GlobalApi) {
      if (before !== undefined) comeBack(registered, before);
      if (value === registered) stepAside(registered);
      // Somebody starts anew.
      else makePlain(value);
    },
  });
  setTimeout(() => makePlain(global[kGlobalApi]), WINDOW_MS).unref();
}

/** Anew: V8 reads a property that has never been anything else faster. */
function makePlain(value: GlobalApi | undefined): void {
  const global: GlobalWithApi = globalThis;
  delete global[kGlobalApi];
  if (value !== undefined) global[kGlobalApi] = value;
}

function isSame(now: object, was: object): boolean {
  const [a, b] = [Object.entries(now), new Map(Object.entries(was))];
  return a.length === b.size && a.every(([key, value]) => b.get(key) === value);
}

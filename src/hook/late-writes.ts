/** Sees the writes to one stream or response from now on. Put on when it was cancelled, so nobody pays for it before. */
import { type AnyFunction, disguise } from './replace.ts';

interface Writable {
  readonly write?: unknown;
  readonly end?: unknown;
  readonly writableEnded?: boolean;
}

/**
 * Calls `onWrite` before every write() and the first end(). One that is made inside of another (end() that
 * writes its chunk, a library's own wrapper) does not count again.
 *
 * @param onWrite must not throw
 */
export function watchLateWrites(target: Writable, onWrite: (isEnd: boolean) => void): void {
  let isInside = false;
  for (const key of ['write', 'end'] as const) {
    const original = target[key];
    if (typeof original !== 'function') continue;
    const replacement = function (this: Writable, ...args: unknown[]): unknown {
      if (isInside || this.writableEnded) return Reflect.apply(original, this, args);
      isInside = true;
      try {
        onWrite(key === 'end');
        return Reflect.apply(original, this, args);
      } finally {
        isInside = false;
      }
    };
    disguise(replacement, original as AnyFunction);
    Object.defineProperty(target, key, {
      value: replacement,
      configurable: true,
      writable: true,
      enumerable: false,
    });
  }
}

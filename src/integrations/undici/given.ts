/** What the application gives to fetch() and dispatch(), read without its noticing: a getter of its own is called by undici alone. */
import { isProxy } from 'node:util/types';

/** The value of a property, its own or inherited. Undefined where reading it would call something. */
export function dataOf(object: unknown, key: string): unknown {
  for (let at = object; isObject(at) && !isProxy(at); at = Object.getPrototypeOf(at)) {
    const property = Object.getOwnPropertyDescriptor(at, key);
    if (property !== undefined) return property.value;
  }
  return undefined;
}

/** Whether reading the property calls something. */
export function isComputed(object: unknown, key: string): boolean {
  for (let at = object; isObject(at); at = Object.getPrototypeOf(at)) {
    if (isProxy(at)) return true;
    const property = Object.getOwnPropertyDescriptor(at, key);
    if (property !== undefined) return property.get !== undefined;
  }
  return false;
}

/**
 * Stands for `object`, whose properties are read of itself, private fields and getters included. It can be spread, too:
 * who replaces fetch() often does so with the options.
 *
 * @param added a property that it has in any case
 * @param see is given each value that is read, and returns what whoever reads gets
 */
export function readThrough(
  object: object,
  added: PropertyKey | undefined,
  see: (key: PropertyKey, value: unknown) => unknown,
): object {
  const read = (key: PropertyKey): unknown => see(key, Reflect.get(object, key));
  return new Proxy(
    {},
    {
      get: (_target, key) => read(key),
      has: (_target, key) => Reflect.has(object, key),
      getPrototypeOf: () => Reflect.getPrototypeOf(object),
      ownKeys: () => {
        const keys = Reflect.ownKeys(object);
        return added === undefined || Object.hasOwn(object, added) ? keys : [...keys, added as string];
      },
      getOwnPropertyDescriptor: (_target, key) => {
        const own = Object.getOwnPropertyDescriptor(object, key);
        if (own === undefined && key !== added) return undefined;
        return { get: () => read(key), enumerable: own?.enumerable ?? true, configurable: true };
      },
    },
  );
}

export function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

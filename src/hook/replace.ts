/** Puts a function of ours in the place of somebody else's, so that nobody can tell. */

export type Undo = () => void;
// biome-ignore lint/suspicious/noExplicitAny: a method of somebody else's class has whatever signature it has
export type AnyFunction = (...args: any[]) => any;

/**
 * Replaces a method or function-valued property. The replacement gets the name and length of the
 * original and its property descriptor; symbols that other instrumentations leave on functions are not
 * copied, because they would unwrap us.
 *
 * A method that `target` only inherits is put on it, and taken off by the undo.
 *
 * The undo restores the descriptor, unless somebody has wrapped on top of us since: then the
 * replacement stays in their chain and has to be inert by itself (see Installation.isActive).
 *
 * @throws {TypeError} when there is no such function: the library is not the one we know
 */
export function replaceFunction(
  target: object,
  key: PropertyKey,
  make: (original: AnyFunction) => AnyFunction,
): Undo {
  const own = Object.getOwnPropertyDescriptor(target, key);
  const descriptor = own ?? inheritedDescriptor(target, key);
  const original: unknown = descriptor?.value;
  if (descriptor === undefined || typeof original !== 'function') {
    throw new TypeError(`there is no function ${String(key)} to instrument`);
  }
  const replacement = make(original as AnyFunction);
  disguise(replacement, original as AnyFunction);
  Object.defineProperty(target, key, { ...descriptor, value: replacement });
  return () => {
    if (Object.getOwnPropertyDescriptor(target, key)?.value !== replacement) return;
    if (own === undefined) Reflect.deleteProperty(target, key);
    else Object.defineProperty(target, key, own);
  };
}

function inheritedDescriptor(target: object, key: PropertyKey): PropertyDescriptor | undefined {
  for (let object = Object.getPrototypeOf(target); object !== null; object = Object.getPrototypeOf(object)) {
    const descriptor = Object.getOwnPropertyDescriptor(object, key);
    if (descriptor !== undefined) return descriptor;
  }
  return undefined;
}

/** Gives `replacement` the name and length of `original`, and a prototype property where that has one. */
export function disguise(replacement: AnyFunction, original: AnyFunction): void {
  Object.defineProperty(replacement, 'name', { value: original.name, configurable: true });
  Object.defineProperty(replacement, 'length', { value: original.length, configurable: true });
  if (Object.hasOwn(original, 'prototype') && !Object.hasOwn(replacement, 'prototype')) {
    Object.defineProperty(replacement, 'prototype', { value: original.prototype, writable: true });
  }
}

/** Undoes all, last first. */
export function undoAll(undos: readonly Undo[]): void {
  for (let index = undos.length - 1; index >= 0; index--) undos[index]?.();
}

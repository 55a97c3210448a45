/** What strangers wrote, step by step: a document that has another shape than it should is told by the path to where. */

export class ShapeError extends Error {}

export type Fields = Readonly<Record<string, unknown>>;

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @throws {ShapeError} */
export function fieldsOf(value: unknown, path: string): Fields {
  if (isFields(value)) return value;
  throw new ShapeError(`${path} must be an object, but is ${kindOf(value)}`);
}

/**
 * Protobuf's JSON may leave out what is empty.
 *
 * @throws {ShapeError}
 */
export function listOf<T>(value: unknown, path: string, read: (element: Fields, path: string) => T): T[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new ShapeError(`${path} must be an array, but is ${kindOf(value)}`);
  return value.map((element, index) => {
    const at = `${path}[${index}]`;
    return read(fieldsOf(element, at), at);
  });
}

/** @throws {ShapeError} */
export function textOf(value: unknown, path: string): string {
  if (typeof value === 'string') return value;
  throw new ShapeError(`${path} must be a string, but is ${kindOf(value)}`);
}

/** Whatever it is: `String()` calls what an object has for a `toString`. */
export function asText(value: unknown): string {
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
}

/** NaN where it is none. */
export function asNumber(value: unknown): number {
  return typeof value === 'object' ? Number.NaN : Number(value);
}

/** @param object that others will make a text of, which one with a `toString` of its own does not let them. @returns the same */
export function readable<T extends object>(object: T): T {
  if (Object.hasOwn(object, 'toString') || Object.hasOwn(object, 'valueOf'))
    Object.defineProperty(object, Symbol.toPrimitive, { value: () => JSON.stringify(object) });
  return object;
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/** Checks of option values. What they throw names the option, what it accepts and what was given. */

export function refuseUnknown(prefix: string, given: object, known: readonly string[]): void {
  for (const key of Object.keys(given)) {
    if (!known.includes(key)) {
      throw new TypeError(`Unknown option "${prefix}${key}". Known options: ${known.join(', ')}.`);
    }
  }
}

export function requireObject(name: string, value: unknown): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw typeError(name, 'an object', value);
}

export function optionalBoolean(name: string, value: unknown): boolean | undefined {
  if (value === undefined || typeof value === 'boolean') return value;
  throw typeError(name, 'true or false', value);
}

export function integerBetween(name: string, value: unknown, min: number, max: number): number {
  const accepted = `a whole number from ${min} to ${max}`;
  if (typeof value !== 'number') throw typeError(name, accepted, value);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(`Option "${name}" must be ${accepted}, but is ${value}.`);
  }
  return value;
}

export function typeError(name: string, accepted: string, value: unknown): TypeError {
  const got =
    typeof value === 'string'
      ? `'${value}'`
      : value === null
        ? 'null'
        : Array.isArray(value)
          ? 'an array'
          : typeof value;
  return new TypeError(`Option "${name}" must be ${accepted}, but is ${got}.`);
}

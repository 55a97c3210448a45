/** Values of variables. A bad one is said in one line that names the variable and what it accepts. */

export type Variables = Readonly<Record<string, string | undefined>>;
export type Warn = (message: string) => void;

/** An empty value is an unset one, by the specification of OpenTelemetry's variables. */
export function textOf(variables: Variables, name: string): string | undefined {
  const value = variables[name]?.trim();
  return value === '' ? undefined : value;
}

export function listOf(variables: Variables, name: string): readonly string[] | undefined {
  return textOf(variables, name)
    ?.split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

export function booleanOf(variables: Variables, name: string, warn: Warn): boolean {
  const value = textOf(variables, name)?.toLowerCase();
  if (value !== undefined && value !== 'true' && value !== 'false') {
    warn(`${name} must be true or false, but is "${value}"; taken as false.`);
  }
  return value === 'true';
}

/** More than a timer of Node's can wait. */
const MAX_MS = 2 ** 31 - 1;

/** A whole number of milliseconds, 1 or more. */
export function millisecondsOf(variables: Variables, name: string, fallbackMs: number, warn: Warn): number {
  const value = textOf(variables, name);
  if (value === undefined) return fallbackMs;
  const ms = Number(value);
  if (Number.isInteger(ms) && ms >= 1 && ms <= MAX_MS) return ms;
  warn(
    `${name} must be a whole number of milliseconds from 1 to ${MAX_MS}, but is "${value}"; taken as ${fallbackMs}.`,
  );
  return fallbackMs;
}

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

/** More ms than this a timer of Node's cannot wait. */
const MAX = 2 ** 31 - 1;

/** A whole number of milliseconds. */
export function millisecondsOf(
  variables: Variables,
  name: string,
  fallbackMs: number,
  warn: Warn,
  leastMs = 1,
): number {
  return wholeNumberOf(variables, name, fallbackMs, warn, leastMs, ' of milliseconds');
}

/** A whole number, 1 or more. */
export function countOf(variables: Variables, name: string, fallback: number, warn: Warn): number {
  return wholeNumberOf(variables, name, fallback, warn, 1, '');
}

function wholeNumberOf(
  variables: Variables,
  name: string,
  fallback: number,
  warn: Warn,
  least: number,
  unit: string,
): number {
  const value = textOf(variables, name);
  if (value === undefined) return fallback;
  const number = Number(value);
  if (Number.isInteger(number) && number >= least && number <= MAX) return number;
  warn(
    `${name} must be a whole number${unit} from ${least} to ${MAX}, but is "${value}"; taken as ${fallback}.`,
  );
  return fallback;
}

/** Numbers and places as they are shown. */

export function ms(value: number): string {
  const size = Math.abs(value);
  if (size < 9.95) return signed(value, 1, 'ms');
  if (size < 9_995) return signed(value, 0, 'ms');
  return size < 99_950 ? signed(value / 1_000, 1, 's') : signed(value / 1_000, 0, 's');
}

/** By a minus that is as wide as a figure. */
function signed(value: number, digits: number, unit: string): string {
  return `${value
    .toFixed(digits)
    .replace(/^-(?=.*[1-9])/, '−')
    .replace('-', '')} ${unit}`;
}

/** Of a step of time. */
export function step(stepMs: number): string {
  return stepMs < 60_000 ? count(Math.round(stepMs / 1_000), 'second') : ms(stepMs);
}

export function clock(unixMs: number): string {
  return new Date(unixMs).toLocaleTimeString(undefined, { hour12: false });
}

export function count(value: number, one: string, many = `${one}s`): string {
  return `${value.toLocaleString()} ${value === 1 ? one : many}`;
}

export function percent(part: number, whole: number): string {
  return whole === 0 ? '–' : `${((100 * part) / whole).toFixed(part * 100 < whole * 10 ? 1 : 0)} %`;
}

/** A place in code: `function (file:line:column)`, `file:line:column`. */
export interface Place {
  readonly fn: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export function placeOf(origin: string): Place | undefined {
  const [, fn = '', file, line, column] =
    /^(?:(.*?) \()?(?:file:\/\/)?(.+?):(\d+):(\d+)\)?$/.exec(origin) ?? [];
  return file === undefined ? undefined : { fn, file, line: Number(line), column: Number(column) };
}

/** Inside of `cwd` it is relative to that. */
export function shortFile(file: string, cwd: string): string {
  return file.startsWith(`${cwd}/`) ? file.slice(cwd.length + 1) : file;
}

export function shortOrigin(origin: string, cwd: string): string {
  const place = placeOf(origin);
  if (place === undefined) return origin;
  const where = `${shortFile(place.file, cwd)}:${place.line}`;
  return place.fn === '' ? where : `${place.fn} · ${where}`;
}

/** What is shown for each value of `cancel.initiator`. */
export const WHO: Readonly<Record<string, string>> = {
  local: 'this side',
  peer: 'the other side',
  inherited: 'passed on',
};

/** From a deadline. */
export function deviation(deviationMs: number): string {
  return deviationMs > 0 ? `${ms(deviationMs)} after it` : `${ms(-deviationMs)} before it`;
}

/** Numbers and places as they are shown. */

export function ms(value: number): string {
  const size = Math.abs(value);
  if (size < 9.95) return `${value.toFixed(1)} ms`;
  if (size < 9_995) return `${Math.round(value)} ms`;
  if (size < 99_950) return `${(value / 1_000).toFixed(1)} s`;
  return `${Math.round(value / 1_000)} s`;
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

/** Telemetry as text for a terminal. */

/** It is written by strangers: no line breaks, no escape sequences, nothing that turns the direction of what follows. */
export function plain(value: unknown): string {
  return String(value).replace(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]+/gu, ' ');
}

export function formatMs(ms: number): string {
  const size = Math.abs(ms);
  if (size >= 99_950) return `${(ms / 1_000).toFixed(0)} s`;
  if (size >= 9_995) return `${(ms / 1_000).toFixed(1)} s`;
  return `${ms.toFixed(size < 9.95 ? 1 : 0)} ms`;
}

export function formatPercent(part: number, whole: number): string {
  if (whole === 0) return '–';
  const percent = (100 * part) / whole;
  return `${percent.toFixed(percent < 10 ? 1 : 0)} %`;
}

/** `function (file:line:column)` with the file as a path below `cwd`, if it is there. */
export function relativeTo(cwd: string, origin: string): string {
  const [, before = '', file = '', after = ''] = /^(.*? \()?(?:file:\/\/)?(.*?)(\)?)$/.exec(origin) ?? [];
  const root = cwd.endsWith('/') ? cwd : `${cwd}/`;
  return before + (file.startsWith(root) ? file.slice(root.length) : file) + after;
}

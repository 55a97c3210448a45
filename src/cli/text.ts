/** Telemetry as text for a terminal. */

/** It is written by strangers: no line breaks, no escape sequences. */
export function plain(value: unknown): string {
  return String(value).replace(/\p{Cc}+/gu, ' ');
}

export function formatMs(ms: number): string {
  return `${ms.toFixed(ms < 9.95 ? 1 : 0)} ms`;
}

/** `function (file:line:column)` with the file as a path below `cwd`, if it is there. */
export function relativeTo(cwd: string, origin: string): string {
  const [, before = '', file = '', after = ''] = /^(.*? \()?(?:file:\/\/)?(.*?)(\)?)$/.exec(origin) ?? [];
  const root = cwd.endsWith('/') ? cwd : `${cwd}/`;
  return before + (file.startsWith(root) ? file.slice(root.length) : file) + after;
}

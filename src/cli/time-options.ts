/** `--since` and `--until`: of which time a Jaeger is asked. */
import { type Arguments, type Command, UsageError } from './arguments.ts';

export const TIME_OPTIONS: Command['options'] = { since: { type: 'string' }, until: { type: 'string' } };

const DEFAULT_SINCE = '60';

export const TIME_USAGE: string = `  --since TIME     of a Jaeger: from when on: so many minutes ago (default ${DEFAULT_SINCE}), 90s, 2h, 3d, or a date such as
                   2026-11-29T08:00Z
  --until TIME     of a Jaeger: until when, in the same way (default now)
`;

export interface Time {
  /** Unix time in ms. */
  readonly startMs: number;
  readonly endMs: number;
  /** As it was asked for. */
  readonly text: string;
}

/** @throws {UsageError} */
export function timeIn({ values }: Arguments, nowMs: number = Date.now()): Time {
  const since = values.get('since') ?? DEFAULT_SINCE;
  const until = values.get('until');
  const startMs = pointIn('--since', since, nowMs);
  const endMs = until === undefined ? nowMs : pointIn('--until', until, nowMs);
  if (startMs >= endMs) throw new UsageError(`--since ${since} is not before --until ${until}`);
  const text =
    until === undefined && /^[\d.]+$/.test(since)
      ? `of the last ${since} minutes`
      : `from ${isoOf(startMs)} to ${isoOf(endMs)}`;
  return { startMs, endMs, text };
}

const UNITS_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function pointIn(name: string, value: string, nowMs: number): number {
  const [, count, unit = 'm'] = /^(\d+(?:\.\d+)?)([smhd]?)$/.exec(value) ?? [];
  if (Number(count) > 0) return nowMs - Number(count) * (UNITS_MS[unit || 'm'] as number);
  // Without a zone a date would be another point in time on another machine.
  const isDate = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/.test(value);
  if (isDate && !Number.isNaN(Date.parse(value))) return Date.parse(value);
  throw new UsageError(
    `${name} must be a number of minutes, or as 90s, 2h, 3d, 2026-11-29T08:00Z, but is ${value}`,
  );
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}

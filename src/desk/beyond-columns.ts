/** The columns of the heat maps of the time beyond deadlines. Pure. */
import type { Beyond } from '../spans/beyond.ts';

/** By their names in JSON and addresses, and where each begins: ms. */
const DURATIONS = { '0-10': 0, '10-100': 10, '100-1000': 100, '1000-10000': 1_000, '10000-': 10_000 };
const DURATION_TITLES: Readonly<Record<string, string>> = {
  ...{
    '0-10': '0–10ms',
    '10-100': '10–100ms',
    '100-1000': '0.1–1s',
    '1000-10000': '1–10s',
    '10000-': '10s+',
  },
};
const DEPTHS = { '0': 0, '1': 1, '2': 2, '3-5': 3, '6-9': 6, '10-': 10 };
const UNKNOWN = 'unknown';

export const DURATION_NAMES: readonly string[] = Object.keys(DURATIONS);
export const DEPTH_NAMES: readonly string[] = [...Object.keys(DEPTHS), UNKNOWN];

export function durationOf({ beyondMs }: Beyond): string {
  return lastFrom(DURATIONS, beyondMs);
}

export function depthOf({ depth }: Beyond): string {
  return depth === undefined ? UNKNOWN : lastFrom(DEPTHS, depth);
}

function lastFrom(columns: Readonly<Record<string, number>>, value: number): string {
  return Object.keys(columns).findLast((name) => value >= (columns[name] as number)) as string;
}

/** As it is read. */
export function durationTitle(name: string): string {
  return DURATION_TITLES[name] ?? name;
}

/** As it is read. */
export function depthTitle(name: string): string {
  return name === UNKNOWN ? '?' : name.replace(/-$/, '+').replace('-', '–');
}

/** At most five characters. */
export function shortMs(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)}ms`;
  const seconds = ms / 1_000;
  if (seconds < 9.95) return `${seconds.toFixed(1).replace('.0', '')}s`;
  if (seconds < 999.5) return `${Math.round(seconds)}s`;
  return seconds < 59_970 ? `${Math.round(seconds / 60)}m` : `${Math.round(seconds / 3_600)}h`;
}

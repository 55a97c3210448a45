import type { FiringAlert, Series } from './promtool.ts';

/** What every alert has to show: it fires, it recovers, and it stays quiet when it should. */
export type AlertCase = {
  alert: string;
  /** Whose series it judges, where that makes a difference. */
  told?: string;
  /** Well, then trouble, then well again. Times in minutes. */
  story: readonly Series[];
  /** How often the rules are evaluated, for a story of days. @default 1 */
  evaluationMinutes?: number;
  quietAt: number;
  firesAt: number;
  recoveredAt: number;
  firing: FiringAlert;
  /** It never fires here, as asked at `firesAt`; the key says why. */
  quiet: Readonly<Record<string, readonly Series[]>>;
};

export const jaegerUrl = 'http://localhost:16686';

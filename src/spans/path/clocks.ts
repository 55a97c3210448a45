/** Times of several processes, whose clocks may differ, on the clock of the first hop of a path. Pure. */
import { AT_ONCE_MS, type CancelMark } from './cancel-marks.ts';
import type { Fate } from './fates.ts';
import type { Hop } from './hops.ts';

/** The SDK starts a span at a whole millisecond, and processes of one machine read its clock in their own way. */
const SAME_CLOCK_MS = 2;

/** When a hop was cancelled, by its own clock, and how far that is ahead of the first hop's. */
export interface Clock {
  /** Undefined: that is not known. */
  readonly atMs: number | undefined;
  readonly aheadMs: number;
}

/**
 * A clock is taken for that of the first hop, unless a hop would have begun, or been told, before the one that told it; or begun
 * after that one had left. Then it is set by its begin.
 */
export function clockOf(
  { first }: Hop,
  { atMs, initiator }: CancelMark,
  { outgoing, mark }: Fate,
  before: Clock,
): Pick<Clock, 'aheadMs'> & { readonly isSkewed: boolean } {
  const [outermost] = outgoing.spans;
  if (outermost === undefined) return { aheadMs: before.aheadMs, isSkewed: false };
  const askedAtMs = outermost.startMs - before.aheadMs;
  const leftAtMs = mark?.atMs ?? before.atMs;
  const beganAheadMs = first.startMs - askedAtMs;
  const toldAheadMs =
    initiator === 'peer' && leftAtMs !== undefined ? atMs - (leftAtMs - before.aheadMs) : beganAheadMs;
  const atMostMs = Math.min(beganAheadMs, toldAheadMs);
  const isBefore = atMostMs < -SAME_CLOCK_MS;
  const isAfter =
    leftAtMs !== undefined && first.startMs > leftAtMs - before.aheadMs + AT_ONCE_MS && initiator === 'peer';
  if (!isBefore && !isAfter) return { aheadMs: Math.min(0, toldAheadMs), isSkewed: false };
  return { aheadMs: atMostMs, isSkewed: true };
}

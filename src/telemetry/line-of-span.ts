/**
 * The line of the application that started a span of others, as far as its stack tells.
 *
 * A pool hands out its connections in a callback, whose stack has none. Where asking the pool has a span of its own, by the same
 * instrumentation and under the same parent, which ended right before the query's began, that one's line is the query's.
 */

import type { Frame } from '../cancellation/frame.ts';
import { applicationFrameOf } from '../cancellation/origin.ts';
import { parentSpanIdOf } from './official-span.ts';
import type { OwnedSpan } from './owned-span.ts';

/** What a callback takes from the end of one span to the start of the next. */
const SAME_TURN_MS = 1;

/** @param others that were started for the same operation */
export function lineOfSpan(owned: OwnedSpan, others: readonly OwnedSpan[]): Frame | undefined {
  const frame = lineIn(owned);
  if (frame !== undefined || owned.startStack === undefined) return frame;
  const parentId = parentSpanIdOf(owned.span);
  const askedFor = others
    .filter((other) => other.scope === owned.scope && parentSpanIdOf(other.span) === parentId)
    .filter(({ endedAtMs }) => endedAtMs !== undefined && isRightBefore(endedAtMs, owned.startedAtMs))
    .at(-1);
  return askedFor && lineIn(askedFor);
}

/** In a bundle the SDK's files are not told from the application's. */
function lineIn({ startStack }: OwnedSpan): Frame | undefined {
  const frame = applicationFrameOf(startStack);
  return frame !== undefined && /\b(?:SpanImpl|startSpan|startActiveSpan)$/.test(frame.functionName)
    ? undefined
    : frame;
}

function isRightBefore(endedAtMs: number, startedAtMs: number): boolean {
  return endedAtMs <= startedAtMs && startedAtMs - endedAtMs < SAME_TURN_MS;
}

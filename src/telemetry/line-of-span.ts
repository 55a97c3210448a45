/**
 * The line of the application that started a span of others, as far as its stack tells.
 *
 * A pool hands out its connections in a callback, whose stack has none. Where asking the pool has a span of its own, by the same
 * instrumentation and under the same parent, the last one that ended before the query's began ended in that callback: its
 * line is the query's.
 */

import type { Frame } from '../cancellation/frame.ts';
import { applicationFrameOf } from '../cancellation/origin.ts';
import { parentSpanIdOf } from './official-span.ts';
import type { OwnedSpan } from './owned-span.ts';
import { hasStatement } from './spent-on.ts';

/** From the end of one span to the start of the next, on a busy machine as well. */
const MAX_IN_CALLBACK_MS = 20;

/** @param others that were started for the same operation */
export function lineOfSpan(owned: OwnedSpan, others: readonly OwnedSpan[]): Frame | undefined {
  const frame = lineIn(owned);
  if (frame !== undefined || owned.startStack === undefined) return frame;
  const parentId = parentSpanIdOf(owned.span);
  const askedFor = others
    .filter((other) => other.scope === owned.scope && parentSpanIdOf(other.span) === parentId)
    .filter(({ span, endedAtMs }) => isRightBefore(endedAtMs, owned.startedAtMs) && !hasStatement(span))
    .sort((a, b) => (a.endedAtMs ?? 0) - (b.endedAtMs ?? 0))
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

function isRightBefore(endedAtMs: number | undefined, startedAtMs: number): boolean {
  return endedAtMs !== undefined && endedAtMs <= startedAtMs && startedAtMs - endedAtMs < MAX_IN_CALLBACK_MS;
}

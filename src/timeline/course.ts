/** Who had an operation when, until its deadline: its client, the wire, its server. Pure. */
import type { WireExchange } from '../capture/exchange.ts';
import type { ExportedSpan } from '../spans/span.ts';
import type { Interval } from './process-record.ts';

/** When an operation was where, as far as that is known; within the time until its deadline. */
export interface Course {
  readonly clientHas: readonly Interval[];
  readonly serverHas: readonly Interval[];
  /** Somebody in between. */
  readonly wireHas: readonly Interval[];
  /** One of these, without a capture nobody can say which. */
  readonly somebodyHas: readonly Interval[];
  /** When all of the answer had come to the client. */
  readonly answeredMs: number | undefined;
}

/** By the capture: the first connection is the client's, the last one the server's. */
export function courseOnWire(
  span: ExportedSpan,
  got: ExportedSpan | undefined,
  wire: readonly WireExchange[],
  dueMs: number,
): Course {
  const [first, last] = [wire[0] as WireExchange, wire.at(-1) as WireExchange];
  const leftMs = Math.min(first.requestAtMs, dueMs);
  const cameMs = Math.min(last.requestAtMs, dueMs);
  const doneMs = Math.min(last.answerEndAtMs ?? dueMs, dueMs);
  const backMs = Math.min(first.answerEndAtMs ?? dueMs, dueMs);
  // With one connection in the capture, what is behind it may be the server or somebody in between: the server's span tells.
  const isServer = wire.length > 1 || got !== undefined;
  const behind = [{ fromMs: cameMs, toMs: doneMs }];
  return {
    clientHas: [
      { fromMs: span.startMs, toMs: leftMs },
      { fromMs: backMs, toMs: dueMs },
    ],
    wireHas: [
      { fromMs: leftMs, toMs: cameMs },
      { fromMs: doneMs, toMs: backMs },
    ],
    serverHas: isServer ? behind : [],
    somebodyHas: [],
    answeredMs: first.answerEndAtMs,
  };
}

/** By the spans of both sides alone: what is outside of the server's is on the way. */
export function courseOfSpans(span: ExportedSpan, got: ExportedSpan | undefined, dueMs: number): Course {
  const all = { fromMs: span.startMs, toMs: dueMs };
  const nobody = { clientHas: [], wireHas: [], answeredMs: undefined };
  if (got === undefined) return { ...nobody, serverHas: [], somebodyHas: [all] };
  const fromMs = Math.min(Math.max(got.startMs, span.startMs), dueMs);
  const toMs = Math.max(fromMs, Math.min(got.endMs, dueMs));
  return {
    ...nobody,
    serverHas: [{ fromMs, toMs }],
    somebodyHas: [
      { fromMs: all.fromMs, toMs: fromMs },
      { fromMs: toMs, toMs: dueMs },
    ],
  };
}

/** A trace in a line: what a list shows of it, and what it is searched by. Pure. */
import { cancelOf, findingsOn, wastedMsOf } from '../spans/cancel.ts';
import type { ExportedSpan } from '../spans/span.ts';
import { titleOf } from '../spans/title.ts';
import type { StoredTrace } from './store.ts';

export interface TraceSummary {
  readonly traceId: string;
  /** Unix time in ms. */
  readonly startMs: number;
  readonly durationMs: number;
  readonly spanCount: number;
  readonly services: readonly string[];
  /** Of the earliest span. */
  readonly root: { readonly service: string; readonly title: string };
  readonly canceledCount: number;
  readonly deadlineExceededCount: number;
  /** Of the first cancel: who began it. */
  readonly first:
    | {
        readonly spanId: string;
        readonly service: string;
        readonly title: string;
        readonly atMs: number;
        readonly outcome: string;
        readonly initiator: string | undefined;
        readonly trigger: string | undefined;
        readonly origin: string | undefined;
        readonly reason: string | undefined;
      }
    | undefined;
  readonly findings: readonly string[];
  readonly wastedMs: number;
}

const summaries = new WeakMap<StoredTrace, TraceSummary>();

export function summaryOf(trace: StoredTrace): TraceSummary {
  const known = summaries.get(trace);
  if (known !== undefined) return known;
  const made = summarize(trace);
  summaries.set(trace, made);
  return made;
}

function summarize({ traceId, spans }: StoredTrace): TraceSummary {
  const inTime = [...spans].sort((a, b) => a.startMs - b.startMs);
  const root = rootOf(inTime);
  const startMs = inTime[0]?.startMs ?? 0;
  const cancels = spans.flatMap((span) => {
    const cancel = cancelOf(span);
    return cancel === undefined ? [] : { span, cancel };
  });
  // One that was decided here tells who began; of those, and else of all, the earliest.
  const rank = ({ cancel }: (typeof cancels)[number]): number => (cancel.initiator === 'local' ? 0 : 1);
  const [first] = cancels.sort((a, b) => rank(a) - rank(b) || a.cancel.atMs - b.cancel.atMs);
  return {
    traceId,
    startMs,
    durationMs: spans.reduce((end, span) => Math.max(end, span.endMs), startMs) - startMs,
    spanCount: spans.length,
    services: [...new Set(inTime.map(({ serviceName }) => serviceName))],
    root: { service: root?.serviceName ?? '', title: root === undefined ? '' : titleOf(root) },
    canceledCount: cancels.filter(({ cancel }) => cancel.outcome === 'canceled').length,
    deadlineExceededCount: cancels.filter(({ cancel }) => cancel.outcome === 'deadline_exceeded').length,
    first: first && {
      spanId: first.span.spanId,
      service: first.span.serviceName,
      title: titleOf(first.span),
      atMs: first.cancel.atMs,
      outcome: first.cancel.outcome,
      initiator: first.cancel.initiator,
      trigger: first.cancel.trigger,
      origin: first.cancel.origin,
      reason: first.cancel.reason,
    },
    findings: [...new Set(spans.flatMap((span) => findingsOn(span).map(({ rule }) => rule)))],
    wastedMs: spans.reduce((sum, span) => sum + wastedMsOf(span), 0),
  };
}

/** The earliest that has no parent here. */
function rootOf(inTime: readonly ExportedSpan[]): ExportedSpan | undefined {
  const known = new Set(inTime.map(({ spanId }) => spanId));
  return (
    inTime.find(({ parentSpanId }) => parentSpanId === undefined || !known.has(parentSpanId)) ?? inTime[0]
  );
}

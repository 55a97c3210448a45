/** What the page asks: JSON, made of the spans that are kept at that moment. */
import { type Context, Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import { byRule, type Finding, findingsAmong } from '../spans/findings.ts';
import { titleOf } from '../spans/title.ts';
import { workedFor } from '../spans/work-after-cancel.ts';
import type { TraceTimeline } from '../timeline/trace-timeline.ts';
import { beyondMapsOf } from './beyond.ts';
import { deadlinesOf } from './deadlines.ts';
import { type Filter, filterOf, isFound, TRACES_A_PAGE } from './filter.ts';
import { linesOf } from './lines.ts';
import { overviewOf } from './overview.ts';
import { sourceLinesOf } from './source-lines.ts';
import type { SpanStore, StoredTrace } from './store.ts';
import { summaryOf } from './summary.ts';
import type { WorkNow } from './work-now.ts';

/** What the page is told about where it is. */
export interface DeskInfo {
  readonly version: string;
  /** Of the process: what an editor link is relative to. */
  readonly cwd: string;
  /** Where spans come from, for the head of the page. */
  readonly source: string;
  /** Opens a place in code in an editor: `{file}`, `{line}` and `{column}` are put into it. Undefined: there is none. */
  readonly editorUrl: string | undefined;
  /** Of Jaeger's pages, where a trace can be looked at as well. */
  readonly jaegerUrl: string | undefined;
  /** What was recorded around traces can be asked. @default false */
  readonly hasTimelines?: boolean;
}

/** What was recorded around a trace, within some time: Unix time in ms. */
export type TimelineOf = (
  trace: StoredTrace,
  within: { readonly fromMs: number; readonly toMs: number },
) => Promise<TraceTimeline>;

const WINDOW_S = 300;
const MAX_WINDOW_S = 3_600;
const MAX_FINDINGS_A_RULE = 100;
/** The page is told of changes at most so often, in ms. */
const TELL_EVERY_MS = 500;
/** A stream without a word would be cut by what is in between. */
const HEARTBEAT_MS = 15_000;

export function apiRoutes(store: SpanStore, work: WorkNow, info: DeskInfo, timelineOf?: TimelineOf): Hono {
  const routes = new Hono();
  routes.get('/state', (context) => context.json({ ...info, ...countsOf(store, work) }));
  routes.get('/overview', (context) => {
    const seconds = numberIn(context, 'seconds', WINDOW_S, MAX_WINDOW_S);
    return context.json(overviewOf(store.traces(), Date.now(), seconds));
  });
  routes.get('/traces', (context) => {
    const offset = numberIn(context, 'offset', 0, Number.MAX_SAFE_INTEGER);
    const found = foundIn(store, filterOf(new URL(context.req.url).searchParams));
    const traces = found.slice(offset, offset + TRACES_A_PAGE).map(summaryOf);
    return context.json({ total: found.length, offset, traces });
  });
  routes.get('/traces/:id', (context) => {
    const trace = store.trace(context.req.param('id'));
    if (trace === undefined) return context.json({ message: 'no such trace is kept' }, 404);
    return context.json({
      summary: summaryOf(trace),
      spans: trace.spans,
      findings: findingsIn(store)
        .filter(({ span }) => span.traceId === trace.traceId)
        .map((finding) => told(finding, trace)),
    });
  });
  routes.get('/traces/:id/source', async (context) => {
    const trace = store.trace(context.req.param('id'));
    const file = context.req.query('file') ?? '';
    const lines = trace && (await sourceLinesOf(trace, file, numberIn(context, 'line', 1, 1e6), info.cwd));
    return lines === undefined ? context.json({ message: 'not shown' }, 404) : context.json(lines);
  });
  routes.get('/traces/:id/timeline', async (context) => {
    const trace = store.trace(context.req.param('id'));
    if (trace === undefined || timelineOf === undefined)
      return context.json({ message: 'nothing was recorded' }, 404);
    const { startMs, durationMs } = summaryOf(trace);
    return context.json(await timelineOf(trace, { fromMs: startMs, toMs: startMs + durationMs }));
  });
  routes.get('/work', (context) => context.json(work.works()));
  routes.get('/lines', (context) => context.json(linesOf(store.traces())));
  routes.get('/deadlines', (context) => context.json(deadlinesOf(store.traces())));
  routes.get('/beyond', (context) => context.json(beyondMapsOf(store.traces())));
  routes.get('/findings', (context) => context.json(findingsByRule(store)));
  routes.get('/words', (context) => context.json(wordsOf(store.traces())));
  routes.get('/changes', (context) => streamChanges(context, store, work));
  return routes;
}

/** What the page hears of by itself. */
export interface Counts {
  readonly spans: number;
  readonly traces: number;
  readonly droppedSpans: number;
  /** Another one: `/work` answers something else. */
  readonly workChanges: number;
}

function countsOf(store: SpanStore, work: WorkNow): Counts {
  const { spanCount: spans, traceCount: traces, droppedSpanCount: droppedSpans } = store;
  return { spans, traces, droppedSpans, workChanges: work.changeCount };
}

function foundIn(store: SpanStore, filter: Filter): StoredTrace[] {
  return store.traces().filter((trace) => isFound(trace, filter));
}

function numberIn(context: Context, name: string, whenAbsent: number, max: number): number {
  const value = Number(context.req.query(name) ?? whenAbsent);
  return Number.isInteger(value) && value >= 0 ? Math.min(value, max) : whenAbsent;
}

function told({ rule, detail, span }: Finding, trace: StoredTrace | undefined): object {
  const { traceId, spanId, serviceName: service, endMs } = span;
  const operation = titleOf(workedFor(span, trace?.spans ?? []));
  return { rule, detail, traceId, spanId, service, operation, endMs };
}

function findingsIn(store: SpanStore): Finding[] {
  return findingsAmong(store.traces().flatMap(({ spans }) => spans));
}

/** Of each rule the latest. */
function findingsByRule(store: SpanStore): { rule: string; count: number; findings: object[] }[] {
  return byRule(findingsIn(store)).map(([rule, findings]) => {
    const latest = findings.sort((a, b) => b.span.endMs - a.span.endMs).slice(0, MAX_FINDINGS_A_RULE);
    const shown = latest.map((finding) => told(finding, store.trace(finding.span.traceId)));
    return { rule, count: findings.length, findings: shown };
  });
}

/** What the filters offer. */
function wordsOf(traces: readonly StoredTrace[]): Record<string, string[]> {
  const services = new Set<string>();
  const findings = new Set<string>();
  for (const trace of traces) {
    const summary = summaryOf(trace);
    for (const service of summary.services) services.add(service);
    for (const finding of summary.findings) findings.add(finding);
  }
  return { services: [...services].sort(), findings: [...findings].sort() };
}

/** Server-sent events: that there is more, and how much; what exactly, the page asks. */
function streamChanges(context: Context, store: SpanStore, work: WorkNow): Response {
  return streamSSE(context, async (stream) => {
    let isMore = false;
    let wake: () => void = () => {};
    const tell = (): void => {
      isMore = true;
      wake();
    };
    const stops = [store.onAdd(tell), work.onChange(tell)];
    stream.onAbort(() => {
      for (const stop of stops) stop();
      wake();
    });
    while (!stream.aborted) {
      isMore = false;
      await stream.writeSSE({ data: JSON.stringify(countsOf(store, work)) });
      await stream.sleep(TELL_EVERY_MS);
      // What came meanwhile waits no longer.
      if (isMore || stream.aborted) continue;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, HEARTBEAT_MS);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  });
}

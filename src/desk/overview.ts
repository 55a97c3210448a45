/** What happens now: cancels a second, by route, by line, and the work that was done for nobody. Pure. */
import { cancelOf } from '../spans/cancel.ts';
import { routeOf } from '../spans/title.ts';
import { ATTR_CANCEL_WASTED_MS, SPAN_WORK_AFTER_CANCEL } from '../telemetry/attributes.ts';
import { type Line, linesOf } from './lines.ts';
import { cancelledIn, OperationTally, sideOf } from './operations.ts';
import type { StoredTrace } from './store.ts';

export interface Overview {
  /** Unix time in ms: where the first second begins. */
  readonly startMs: number;
  /** Cancelled operations in each second, by `local`, `peer`, `inherited`, and by `canceled`, `deadline_exceeded`. */
  readonly perSecond: Readonly<Record<string, readonly number[]>>;
  /** Incoming operations, that with the most cancelled ones first. */
  readonly routes: readonly Route[];
  readonly lines: readonly Line[];
  /** The latest first. */
  readonly wasted: readonly Wasted[];
}

export interface Route {
  readonly service: string;
  readonly route: string;
  readonly count: number;
  readonly cancelledCount: number;
}

/** What a handler did after its operation was cancelled. */
export interface Wasted {
  readonly traceId: string;
  readonly service: string;
  readonly route: string;
  readonly wastedMs: number;
  readonly endMs: number;
}

const SERIES = ['local', 'peer', 'inherited', 'canceled', 'deadline_exceeded'] as const;
const MAX_ROWS = 10;

/**
 * @param nowMs Unix time
 * @param seconds how far back
 */
export function overviewOf(traces: readonly StoredTrace[], nowMs: number, seconds: number): Overview {
  const startMs = (Math.floor(nowMs / 1_000) - seconds + 1) * 1_000;
  const perSecond = Object.fromEntries(SERIES.map((name) => [name, new Array<number>(seconds).fill(0)]));
  const operations = new OperationTally(routeOf);
  const wasted: Wasted[] = [];
  for (const { traceId, spans, heardMs } of traces) {
    if (heardMs < startMs) continue;
    for (const span of spans) {
      if (span.endMs < startMs) continue;
      const cancel = cancelOf(span);
      if (cancel !== undefined) {
        const second = Math.floor((cancel.atMs - startMs) / 1_000);
        for (const name of [cancel.initiator ?? '', cancel.outcome]) {
          const count = perSecond[name]?.[second];
          if (count !== undefined) (perSecond[name] as number[])[second] = count + 1;
        }
      }
      if (sideOf(span) === 'incoming') operations.add(span);
      const wastedMs = span.attributes[ATTR_CANCEL_WASTED_MS];
      if (span.name === SPAN_WORK_AFTER_CANCEL && typeof wastedMs === 'number') {
        const owner = spans.find(({ spanId }) => spanId === span.parentSpanId);
        const route = owner === undefined ? '' : routeOf(owner);
        wasted.push({ traceId, service: span.serviceName, route, wastedMs, endMs: span.endMs });
      }
    }
  }
  return {
    startMs,
    perSecond,
    routes: operations
      .operations()
      .filter((each) => cancelledIn(each) > 0)
      .slice(0, MAX_ROWS)
      .map((each) => ({
        service: each.service,
        route: each.operation,
        count: each.count,
        cancelledCount: cancelledIn(each),
      })),
    lines: linesOf(traces, startMs).slice(0, MAX_ROWS),
    wasted: wasted.sort((a, b) => b.endMs - a.endMs).slice(0, MAX_ROWS),
  };
}

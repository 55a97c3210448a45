/** Operations of the service "checkout", as its spans or as its own metrics tell them. */
import { counter, type Labels, type Series } from './promtool.ts';

export type Source = 'spans' | 'metrics';
export type Side = 'server' | 'client';
export type Outcome = 'canceled' | 'deadline_exceeded';
/** Operations a minute, for so many minutes; undefined: nothing tells of the service. */
export type Stretch = { cancelled: number | undefined; other: number | undefined; minutes: number };

export const operation = 'POST /checkout/:item';
export const service = 'checkout';

/** Who cancels in these stories. */
export const cause = {
  canceled: { cancel_initiator: 'peer', cancel_trigger: 'disconnect' },
  deadline_exceeded: { cancel_initiator: 'local', cancel_trigger: 'deadline' },
} as const;

export function traffic(
  source: Source,
  outcome: Outcome,
  stretches: readonly Stretch[],
  side: Side = 'server',
): Series[] {
  const counts = (of: (stretch: Stretch) => number | undefined): Counts =>
    stretches.map((stretch) => ({ perMinute: of(stretch), minutes: stretch.minutes }));
  const cancelled = counts((stretch) => stretch.cancelled);
  const other = counts((stretch) => stretch.other);
  if (source === 'spans') return [spans(outcome, side, cancelled), spans(undefined, side, other)];
  // Half of the others fail: no cancel, and no second operation either.
  const half = counts((stretch) => stretch.other && stretch.other / 2);
  return [metrics(outcome, side, cancelled), metrics('completed', side, half), metrics('failed', side, half)];
}

type Counts = Parameters<typeof counter>[2];

function spans(outcome: Outcome | undefined, side: Side, counts: Counts): Series {
  const labels: Labels = {
    service_name: service,
    span_name: operation,
    span_kind: `SPAN_KIND_${side.toUpperCase()}`,
    status_code: 'STATUS_CODE_UNSET',
    context_canceled: String(outcome === 'canceled'),
    deadline_exceeded: String(outcome === 'deadline_exceeded'),
    ...(outcome === undefined ? {} : cause[outcome]),
  };
  return counter('traces_span_metrics_calls_total', labels, counts);
}

function metrics(outcome: Outcome | 'completed' | 'failed', side: Side, counts: Counts): Series {
  const [method = '', route = ''] = operation.split(' ');
  const labels: Labels = {
    service_name: service,
    job: service,
    system: 'http',
    side,
    http_request_method: method,
    http_route: route,
    outcome,
    ...(outcome === 'completed' || outcome === 'failed' ? {} : cause[outcome]),
  };
  return counter('cancellation_operations_total', labels, counts);
}

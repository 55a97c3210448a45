import { type AlertCase, jaegerUrl } from './alert-case.ts';
import { gauge, type Labels, type Series } from './promtool.ts';
import { traffic } from './traffic.ts';

const scraped = gauge('up', { job: 'jaeger', instance: 'jaeger:8889' }, [{ value: 1, minutes: 180 }]);

const told = {
  spans: {
    name: 'traces_span_metrics_calls_total',
    labels: {
      service_name: 'checkout',
      span_name: 'shutdown',
      span_kind: 'SPAN_KIND_INTERNAL',
      status_code: 'STATUS_CODE_ERROR',
    },
    summary: 'checkout: 3 shutdowns cut requests in a quarter of an hour',
  },
  metrics: {
    name: 'cancellation_shutdown_operations_total',
    labels: { service_name: 'checkout', shutdown_trigger: 'SIGTERM', shutdown_result: 'cut', instance: 'a' },
    summary: 'checkout: 3 requests cut by shutdowns in a quarter of an hour',
  },
} as const;

/** A series that begins after an hour, is told for five minutes by whoever keeps it, and is gone. */
function ending(name: string, labels: Labels, value: number): Series {
  return gauge(name, labels, [
    { value: undefined, minutes: 60 },
    { value, minutes: 5 },
    { value: undefined, minutes: 60 },
  ]);
}

function cut(source: 'spans' | 'metrics'): AlertCase {
  const { name, labels, summary } = told[source];
  return {
    alert: 'ShutdownCutRequests',
    told: source,
    story: [scraped, ending(name, labels, 3)],
    quietAt: 59,
    firesAt: 65,
    // Half an hour after it was last told of.
    recoveredAt: 110,
    firing: {
      labels: { severity: 'ticket', source, service_name: 'checkout' },
      annotations: {
        summary,
        description: `Processes ended, by a deploy or otherwise, before they had answered what was in flight. Told by its ${source}.`,
        jaeger: `${jaegerUrl}/search?service=checkout&operation=shutdown&lookback=1h&limit=50&tags=%7B%22error%22%3A%22true%22%7D`,
        runbook: 'docs/alerts.md#shutdowncutrequests',
      },
    },
    quiet: {
      'a shutdown of long ago': [scraped, gauge(name, labels, [{ value: 3, minutes: 120 }])],
      'Prometheus was away, and cannot know that it is old': [
        gauge('up', { job: 'jaeger', instance: 'jaeger:8889' }, [
          { value: undefined, minutes: 60 },
          { value: 1, minutes: 60 },
        ]),
        gauge(name, labels, [
          { value: undefined, minutes: 60 },
          { value: 3, minutes: 60 },
        ]),
      ],
      ...clean[source],
    },
  };
}

const clean = {
  spans: {
    'it cut nothing': [
      scraped,
      ending(told.spans.name, { ...told.spans.labels, status_code: 'STATUS_CODE_UNSET' }, 3),
    ],
    'a span of the application that is called so': [
      scraped,
      ending(told.spans.name, { ...told.spans.labels, span_kind: 'SPAN_KIND_SERVER' }, 3),
    ],
    'its own metrics say that nothing was cut': [
      scraped,
      ...traffic('metrics', 'canceled', [{ cancelled: 0, other: 60, minutes: 120 }]),
      ending(told.spans.name, told.spans.labels, 3),
      ending(told.metrics.name, told.metrics.labels, 0),
    ],
  },
  metrics: {
    'it cut nothing': [scraped, ending(told.metrics.name, told.metrics.labels, 0)],
    'all were answered': [
      scraped,
      ending(told.metrics.name, { ...told.metrics.labels, shutdown_result: 'finished' }, 3),
    ],
  },
};

/** A process with the labels of the one before: the same series, which begins anew. */
const again: AlertCase = {
  ...cut('metrics'),
  told: 'metrics, one process after the other',
  story: [
    scraped,
    gauge(told.metrics.name, told.metrics.labels, [
      { value: 0, minutes: 60 },
      { value: 3, minutes: 3 },
      { value: undefined, minutes: 60 },
    ]),
  ],
  quiet: {},
};

export const shutdownCases: readonly AlertCase[] = [cut('spans'), cut('metrics'), again];

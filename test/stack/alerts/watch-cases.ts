import { type AlertCase, jaegerUrl } from './alert-case.ts';
import { counter, gauge, type Series } from './promtool.ts';
import { traffic } from './traffic.ts';

const up = (...stretches: { value: number | undefined; minutes: number }[]): Series =>
  gauge('up', { job: 'jaeger', instance: 'jaeger:8889' }, stretches);

const telemetryDown: AlertCase = {
  alert: 'CancellationTelemetryDown',
  story: [up({ value: 1, minutes: 30 }, { value: 0, minutes: 30 }, { value: 1, minutes: 30 })],
  quietAt: 34,
  firesAt: 50,
  recoveredAt: 61,
  firing: {
    labels: { severity: 'page', job: 'jaeger', instance: 'jaeger:8889' },
    annotations: {
      summary: "Prometheus gets no metrics from Jaeger's process, so no cancel or deadline alert can fire",
      description: 'jaeger:8889 does not answer.',
      jaeger: `${jaegerUrl}/search`,
      runbook: 'docs/alerts.md#cancellationtelemetrydown',
    },
  },
  quiet: {
    'one scrape failed': [up({ value: 1, minutes: 48 }, { value: 0, minutes: 1 }, { value: 1, minutes: 9 })],
  },
};

/** The same alert where there is no such scrape job at all. */
const telemetryMissing: AlertCase = {
  ...telemetryDown,
  told: 'no scrape job',
  story: [up({ value: 1, minutes: 30 }, { value: undefined, minutes: 30 }, { value: 1, minutes: 30 })],
  quietAt: 30,
  firing: {
    labels: { severity: 'page', job: 'jaeger' },
    annotations: {
      ...telemetryDown.firing.annotations,
      description: 'There is no scrape job named jaeger.',
    },
  },
  quiet: {},
};

const absent: AlertCase = {
  alert: 'CancellationOperationsAbsent',
  story: traffic('spans', 'canceled', [
    { cancelled: 1, other: 9, minutes: 30 },
    { cancelled: 0, other: 0, minutes: 60 },
    { cancelled: 1, other: 9, minutes: 30 },
  ]),
  quietAt: 45,
  firesAt: 80,
  recoveredAt: 95,
  firing: {
    labels: { severity: 'ticket' },
    annotations: {
      summary: 'No operation of any service was counted for a quarter of an hour',
      description: 'Either there was no traffic, or neither spans nor metrics arrive any more.',
      jaeger: `${jaegerUrl}/search`,
      runbook: 'docs/alerts.md#cancellationoperationsabsent',
    },
  },
  quiet: {
    'one operation every ten minutes': traffic('metrics', 'canceled', [
      { cancelled: 0, other: 0.1, minutes: 120 },
    ]),
  },
};

const failures = (group: string, perMinute: number): Series =>
  counter('prometheus_rule_evaluation_failures_total', { rule_group: `/rules/${group}` }, [
    { perMinute: 0, minutes: 30 },
    { perMinute, minutes: 30 },
    { perMinute: 0, minutes: 30 },
  ]);

const rulesFailing: AlertCase = {
  alert: 'CancellationRulesFailing',
  story: [failures('operations.yml;cancellation-operations', 2)],
  quietAt: 33,
  firesAt: 50,
  recoveredAt: 67,
  firing: {
    labels: { severity: 'page', rule_group: '/rules/operations.yml;cancellation-operations' },
    annotations: {
      summary: 'Prometheus cannot evaluate /rules/operations.yml;cancellation-operations',
      description: 'Whatever these rules record or alert about is missing. Prometheus logs the reason.',
      jaeger: `${jaegerUrl}/search`,
      runbook: 'docs/alerts.md#cancellationrulesfailing',
    },
  },
  quiet: { "somebody else's rules": [failures('node.yml;disks', 2)] },
};

const overflow: AlertCase = {
  alert: 'CancellationSeriesOverflow',
  story: [
    gauge('traces_span_metrics_calls_total', { service_name: 'orders', otel_metric_overflow: 'true' }, [
      { value: undefined, minutes: 30 },
      { value: 7, minutes: 30 },
      { value: undefined, minutes: 30 },
    ]),
  ],
  quietAt: 33,
  firesAt: 50,
  recoveredAt: 66,
  firing: {
    labels: { severity: 'ticket', service_name: 'orders' },
    annotations: {
      summary: 'orders: too many series, some are counted without their labels',
      description:
        "The cardinality limit of the span metrics or of the service's own metrics is reached. What came later is in one " +
        'series without operation and outcome, and is missing in the other alerts.',
      jaeger: `${jaegerUrl}/search?service=orders&lookback=1h&limit=50`,
      runbook: 'docs/alerts.md#cancellationseriesoverflow',
    },
  },
  quiet: {
    "somebody else's metric": [
      gauge('http_requests_total', { service_name: 'orders', otel_metric_overflow: 'true' }, [
        { value: 7, minutes: 60 },
      ]),
    ],
  },
};

const ownOverflow: AlertCase = {
  ...overflow,
  told: 'metrics',
  story: [
    gauge('cancellation_operations_total', { service_name: 'orders', otel_metric_overflow: 'true' }, [
      { value: undefined, minutes: 30 },
      { value: 7, minutes: 30 },
      { value: undefined, minutes: 30 },
    ]),
  ],
  quiet: {},
};

export const watchCases: readonly AlertCase[] = [
  telemetryDown,
  telemetryMissing,
  absent,
  rulesFailing,
  overflow,
  ownOverflow,
];

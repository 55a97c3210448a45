import { type AlertCase, jaegerUrl } from './alert-case.ts';
import { counter, gauge, type Series } from './promtool.ts';

const scraped = gauge('up', { job: 'jaeger', instance: 'jaeger:8889' }, [{ value: 1, minutes: 180 }]);
const lateWorkSearch = `${jaegerUrl}/search?service=orders&operation=work+after+cancel&lookback=1h&limit=50`;

const wastedMs = {
  spans: [
    'traces_span_metrics_duration_milliseconds_sum',
    { service_name: 'orders', span_name: 'work after cancel', span_kind: 'SPAN_KIND_INTERNAL' },
  ],
  metrics: [
    'cancellation_work_after_cancel_milliseconds_sum',
    { service_name: 'orders', system: 'grpc', rpc_method: 'shop.Orders/WrapGift' },
  ],
} as const;

function wasted(source: 'spans' | 'metrics'): AlertCase {
  const [name, labels] = wastedMs[source];
  /** Handlers that are always at work for nobody. */
  const handlers = (...stretches: { busy: number; minutes: number }[]): Series =>
    counter(
      name,
      labels,
      stretches.map(({ busy, minutes }) => ({ perMinute: busy * 60_000, minutes })),
    );
  return {
    alert: 'WastedWork',
    told: source,
    story: [handlers({ busy: 0, minutes: 30 }, { busy: 2.5, minutes: 60 }, { busy: 0, minutes: 60 })],
    quietAt: 35,
    firesAt: 80,
    recoveredAt: 100,
    firing: {
      labels: { severity: 'ticket', source, service_name: 'orders' },
      annotations: {
        summary: 'orders: 2.5 handlers at work for nobody, on average',
        description: `Handlers went on after their operation was cancelled. Told by its ${source}.`,
        jaeger: lateWorkSearch,
        runbook: 'docs/alerts.md#wastedwork',
      },
    },
    quiet: { 'less than one handler, on average': [handlers({ busy: 0.9, minutes: 90 })] },
  };
}

function pilesUp(): AlertCase {
  const active = (...stretches: { value: number; minutes: number }[]): Series[] => [
    // Two processes: what counts is the service.
    gauge('cancellation_work_after_cancel_active', labelsOf('a'), stretches),
    gauge('cancellation_work_after_cancel_active', labelsOf('b'), stretches),
  ];
  const labelsOf = (instance: string) => ({ service_name: 'orders', system: 'grpc', instance });
  return {
    alert: 'WorkAfterCancelPilesUp',
    story: active({ value: 1, minutes: 30 }, { value: 6, minutes: 30 }, { value: 1, minutes: 30 }),
    quietAt: 33,
    firesAt: 50,
    recoveredAt: 62,
    firing: {
      labels: { severity: 'page', service_name: 'orders', system: 'grpc' },
      annotations: {
        summary: 'orders: 12 grpc handlers still at work after their cancel',
        description:
          'More start than settle: memory, connections and pools go to operations that nobody waits for. ' +
          'Their spans arrive when they settle, or are given up after maxWorkAfterCancelMs.',
        jaeger: lateWorkSearch,
        runbook: 'docs/alerts.md#workaftercancelpilesup',
      },
    },
    quiet: { 'ten are not too many': active({ value: 5, minutes: 90 }) },
  };
}

const findings = {
  spans: {
    name: 'traces_span_metrics_calls_total',
    labels: {
      service_name: 'orders',
      span_name: 'POST',
      span_kind: 'SPAN_KIND_CLIENT',
      status_code: 'STATUS_CODE_UNSET',
    },
    rule: 'cancel_finding',
  },
  metrics: {
    name: 'cancellation_findings_total',
    labels: { service_name: 'orders', system: 'http', side: 'client' },
    rule: 'rule',
  },
} as const;

function finding(source: 'spans' | 'metrics'): AlertCase {
  const { name, labels, rule } = findings[source];
  const ruleLabels = { ...labels, [rule]: 'deadline_dropped' };
  return {
    alert: 'CancellationFinding',
    told: source,
    // The series begins with its first finding, and there are only three.
    story: [
      scraped,
      gauge(name, ruleLabels, [
        { value: undefined, minutes: 60 },
        { value: 3, minutes: 120 },
      ]),
    ],
    quietAt: 59,
    firesAt: 65,
    // A quarter of an hour it is new, half an hour more because of keep_firing_for.
    recoveredAt: 110,
    firing: {
      labels: {
        severity: 'ticket',
        source,
        service_name: 'orders',
        side: 'client',
        rule: 'deadline_dropped',
      },
      annotations: {
        summary: 'orders: deadline_dropped, 3 in a quarter of an hour',
        description: `A cancel or a deadline did not get through on the client side. Told by its ${source}.`,
        jaeger: `${jaegerUrl}/search?service=orders&lookback=1h&limit=50&tags=%7B%22cancel.finding%22%3A%22deadline_dropped%22%7D`,
        runbook: 'docs/alerts.md#cancellationfinding',
      },
    },
    quiet: {
      'what is a guess': [
        scraped,
        gauge(name, { ...labels, [rule]: 'context_lost' }, [
          { value: undefined, minutes: 60 },
          { value: 3, minutes: 60 },
        ]),
      ],
      'findings of long ago': [scraped, gauge(name, ruleLabels, [{ value: 3, minutes: 120 }])],
      'Prometheus was away, and cannot know that they are old': [
        gauge('up', { job: 'jaeger', instance: 'jaeger:8889' }, [
          { value: undefined, minutes: 60 },
          { value: 1, minutes: 60 },
        ]),
        gauge(name, ruleLabels, [
          { value: undefined, minutes: 60 },
          { value: 3, minutes: 60 },
        ]),
      ],
    },
  };
}

export const workCases: readonly AlertCase[] = [
  wasted('spans'),
  wasted('metrics'),
  pilesUp(),
  finding('spans'),
  finding('metrics'),
];

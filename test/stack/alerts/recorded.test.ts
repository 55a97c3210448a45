/** What the rules record before any alert looks at it. */
import { describe, it, type TestContext } from 'node:test';
import { findTool } from '../../support/monitoring-tools.ts';
import { check, counter, type Labels, type Series, type Story, selector } from './promtool.ts';
import { type Outcome, operation, type Side, type Source, service, traffic } from './traffic.ts';

const found = findTool('promtool');

async function checkStory(t: TestContext, story: Story): Promise<void> {
  if ('unavailable' in found) t.skip(found.unavailable);
  else await check(found.binary, story);
}

/** A tenth is cancelled, for two hours. */
const aTenth = (source: Source, outcome: Outcome, side?: Side): Series[] =>
  traffic(source, outcome, [{ cancelled: 6, other: 54, minutes: 120 }], side);

const ratio = (source: Source, outcome: Outcome, value: number, side: Side = 'server') => ({
  labels: selector('operation:cancellation:ratio_rate1h', {
    service_name: service,
    operation,
    side,
    source,
    outcome,
  }),
  value,
});

const atTheEnd = { expression: 'operation:cancellation:ratio_rate1h', atMinute: 119 };

describe('recorded ratios', () => {
  for (const source of ['spans', 'metrics'] as const) {
    it(`of ${source}: a zero where nothing ended so, no gap`, (t) =>
      checkStory(t, {
        series: aTenth(source, 'canceled'),
        expressions: [
          { ...atTheEnd, samples: [ratio(source, 'canceled', 0.1), ratio(source, 'deadline_exceeded', 0)] },
        ],
      }));
  }

  it('of a service that tells both are those of its own metrics: nobody is alerted twice', (t) =>
    checkStory(t, {
      series: [
        ...aTenth('metrics', 'canceled'),
        // Head sampling that keeps what was cancelled makes spans look worse than it is.
        ...traffic('spans', 'canceled', [{ cancelled: 6, other: 1, minutes: 120 }]),
      ],
      expressions: [
        {
          ...atTheEnd,
          samples: [ratio('metrics', 'canceled', 0.1), ratio('metrics', 'deadline_exceeded', 0)],
        },
      ],
    }));

  it('are of the spans again when the metrics stop', (t) =>
    checkStory(t, {
      series: [
        ...aTenth('spans', 'canceled'),
        ...traffic('metrics', 'canceled', [{ cancelled: 1, other: 1, minutes: 40 }]),
      ],
      expressions: [
        { ...atTheEnd, samples: [ratio('spans', 'canceled', 0.1), ratio('spans', 'deadline_exceeded', 0)] },
      ],
    }));

  it('keep the client apart from the server', (t) =>
    checkStory(t, {
      series: [
        ...aTenth('spans', 'deadline_exceeded', 'client'),
        ...traffic('spans', 'deadline_exceeded', [{ cancelled: 0, other: 60, minutes: 120 }]),
      ],
      expressions: [
        {
          expression: `${atTheEnd.expression}{outcome="deadline_exceeded"}`,
          atMinute: atTheEnd.atMinute,
          samples: [
            ratio('spans', 'deadline_exceeded', 0.1, 'client'),
            ratio('spans', 'deadline_exceeded', 0),
          ],
        },
      ],
    }));

  it('leave spans out that are no operation', (t) =>
    checkStory(t, {
      series: [
        counter(
          'traces_span_metrics_calls_total',
          { service_name: service, span_name: 'work after cancel', span_kind: 'SPAN_KIND_INTERNAL' },
          [{ perMinute: 60, minutes: 120 }],
        ),
      ],
      expressions: [{ ...atTheEnd, samples: [] }],
    }));
});

describe('the operation that own metrics are recorded of', () => {
  const names: [string, Labels][] = [
    ['shop.Orders/PlaceOrder', { system: 'grpc', rpc_method: 'shop.Orders/PlaceOrder' }],
    ['GET /stock/:item', { system: 'http', http_request_method: 'GET', http_route: '/stock/:item' }],
    ['GET', { system: 'http', http_request_method: 'GET' }],
  ];
  for (const [name, labels] of names) {
    it(`is ${name}, as its span is called`, (t) =>
      checkStory(t, {
        series: [
          counter(
            'cancellation_operations_total',
            { service_name: service, side: 'server', outcome: 'failed', ...labels },
            [{ perMinute: 60, minutes: 20 }],
          ),
        ],
        expressions: [
          {
            expression: 'operation:cancellation_requests:rate5m',
            atMinute: 19,
            samples: [
              {
                labels: selector('operation:cancellation_requests:rate5m', {
                  service_name: service,
                  operation: name,
                  side: 'server',
                  source: 'metrics',
                }),
                value: 1,
              },
            ],
          },
        ],
      }));
  }
});

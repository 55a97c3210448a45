import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DiagLogLevel } from '@opentelemetry/api';
import { type Environment, readEnvironment } from '../../src/register/environment.ts';

function read(variables: Record<string, string>): { environment: Environment; warnings: string[] } {
  const warnings: string[] = [];
  return { environment: readEnvironment(variables, (message) => warnings.push(message)), warnings };
}

const defaults: Environment = {
  isDisabled: false,
  logLevel: undefined,
  endpoints: {
    traces: 'http://localhost:4318/v1/traces',
    metrics: 'http://localhost:4318/v1/metrics',
  },
  exporters: ['otlp'],
  batches: { size: 512, delayMs: 5_000, maxUnsent: 2_048 },
  metrics: { exporters: [], intervalMs: 60_000, timeoutMs: 30_000 },
  propagators: ['tracecontext', 'baggage'],
  sampler: { name: 'parentbased_always_on', ratio: 1 },
  keepsCancelled: false,
  resourceDetectors: ['host', 'os', 'process', 'serviceinstance', 'env'],
  instrumentationConfig: {},
};

describe('the environment', () => {
  it('has defaults, and an empty or blank variable is an unset one', () => {
    const names = [
      'OTEL_SDK_DISABLED',
      'OTEL_LOG_LEVEL',
      'OTEL_TRACES_EXPORTER',
      'OTEL_NODE_RESOURCE_DETECTORS',
      'OTEL_TRACES_SAMPLER',
      'OTEL_TRACES_SAMPLER_ARG',
      'OTEL_EXPORTER_OTLP_ENDPOINT',
      'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
      'OTEL_EXPORTER_OTLP_PROTOCOL',
      'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL',
      'OTEL_EXPORTER_OTLP_METRICS_ENDPOINT',
      'OTEL_EXPORTER_OTLP_METRICS_PROTOCOL',
      'OTEL_METRICS_EXPORTER',
      'OTEL_METRIC_EXPORT_INTERVAL',
      'OTEL_METRIC_EXPORT_TIMEOUT',
      'OTEL_BSP_MAX_EXPORT_BATCH_SIZE',
      'OTEL_BSP_MAX_QUEUE_SIZE',
      'OTEL_BSP_SCHEDULE_DELAY',
      'OTEL_PROPAGATORS',
      'OTEL_INSTRUMENTATION_CANCELLATION_KEEP_CANCELLED',
      'OTEL_INSTRUMENTATION_CANCELLATION_CONFIG',
    ];
    for (const value of [undefined, '', '  ']) {
      const variables = value === undefined ? {} : Object.fromEntries(names.map((name) => [name, value]));
      assert.deepEqual(read(variables), { environment: defaults, warnings: [] });
    }
  });

  const good: [variables: Record<string, string>, expected: Partial<Environment>][] = [
    [{ OTEL_SDK_DISABLED: 'false' }, {}],
    [{ OTEL_LOG_LEVEL: 'debug' }, { logLevel: DiagLogLevel.DEBUG }],
    [{ OTEL_LOG_LEVEL: ' NONE ' }, { logLevel: DiagLogLevel.NONE }],
    [{ OTEL_TRACES_EXPORTER: 'none' }, { exporters: [] }],
    [{ OTEL_TRACES_EXPORTER: 'console' }, { exporters: ['console'] }],
    [{ OTEL_TRACES_EXPORTER: 'otlp, console' }, { exporters: ['otlp', 'console'] }],
    [{ OTEL_NODE_RESOURCE_DETECTORS: 'none' }, { resourceDetectors: [] }],
    [{ OTEL_NODE_RESOURCE_DETECTORS: 'all' }, {}],
    [{ OTEL_NODE_RESOURCE_DETECTORS: 'env,host' }, { resourceDetectors: ['host', 'env'] }],
    [{ OTEL_NODE_RESOURCE_DETECTORS: 'env, env' }, { resourceDetectors: ['env'] }],
    ...['always_on', 'always_off', 'parentbased_always_on', 'parentbased_always_off', 'traceidratio'].map(
      (name): [Record<string, string>, object] => [
        { OTEL_TRACES_SAMPLER: name },
        { sampler: { name, ratio: 1 } },
      ],
    ),
    ...['0', '1', '0.25', '1e-3'].map((ratio): [Record<string, string>, object] => [
      { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: ratio },
      { sampler: { name: 'parentbased_traceidratio', ratio: Number(ratio) } },
    ]),
    // The specification says that an argument is ignored by a sampler that takes none.
    [
      { OTEL_TRACES_SAMPLER: 'always_on', OTEL_TRACES_SAMPLER_ARG: 'x' },
      { sampler: { name: 'always_on', ratio: 1 } },
    ],
    [{ OTEL_INSTRUMENTATION_CANCELLATION_KEEP_CANCELLED: 'true' }, { keepsCancelled: true }],
    [{ OTEL_INSTRUMENTATION_CANCELLATION_KEEP_CANCELLED: 'false' }, {}],
    [{ OTEL_METRICS_EXPORTER: 'none' }, {}],
    [
      { OTEL_METRICS_EXPORTER: 'otlp,console' },
      { metrics: { exporters: ['otlp', 'console'], intervalMs: 60_000, timeoutMs: 30_000 } },
    ],
    [
      {
        OTEL_METRICS_EXPORTER: 'otlp',
        OTEL_METRIC_EXPORT_INTERVAL: '1',
        OTEL_METRIC_EXPORT_TIMEOUT: '2147483647',
      },
      { metrics: { exporters: ['otlp'], intervalMs: 1, timeoutMs: 2_147_483_647 } },
    ],
    [
      {
        OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '1',
        OTEL_BSP_MAX_QUEUE_SIZE: '2',
        OTEL_BSP_SCHEDULE_DELAY: '0',
      },
      { batches: { size: 1, delayMs: 0, maxUnsent: 2 } },
    ],
    // No batch can be larger than all that waits.
    [{ OTEL_BSP_MAX_QUEUE_SIZE: '100' }, { batches: { size: 100, delayMs: 5_000, maxUnsent: 100 } }],
    // Nobody asked for metrics, so nothing of theirs is looked at.
    [{ OTEL_METRIC_EXPORT_INTERVAL: 'x', OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'x' }, {}],
    [{ OTEL_PROPAGATORS: 'none' }, { propagators: [] }],
    [{ OTEL_PROPAGATORS: 'baggage' }, { propagators: ['baggage'] }],
    [{ OTEL_PROPAGATORS: 'baggage, tracecontext' }, { propagators: ['tracecontext', 'baggage'] }],
    ...['https://collector.example:4318/base', 'https://collector.example:4318/base/'].map(
      (value): [Record<string, string>, object] => [
        { OTEL_EXPORTER_OTLP_ENDPOINT: value },
        {
          endpoints: {
            traces: 'https://collector.example:4318/base/v1/traces',
            metrics: 'https://collector.example:4318/base/v1/metrics',
          },
        },
      ],
    ),
    [
      {
        OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1',
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:2/here',
        OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://127.0.0.1:3',
      },
      { endpoints: { traces: 'http://127.0.0.1:2/here', metrics: 'http://127.0.0.1:3/' } },
    ],
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' }, {}],
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' }, {}],
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json' }, {}],
    [
      { OTEL_INSTRUMENTATION_CANCELLATION_CONFIG: '{"maxStackFrames":60}' },
      { instrumentationConfig: { maxStackFrames: 60 } },
    ],
  ];
  for (const [variables, expected] of good) {
    it(`takes ${JSON.stringify(variables)}`, () => {
      assert.deepEqual(read(variables), { environment: { ...defaults, ...expected }, warnings: [] });
    });
  }

  it('is left alone when OTEL_SDK_DISABLED is true, in whatever case', () => {
    for (const value of ['true', 'TRUE', ' True ']) {
      assert.deepEqual(
        read({ OTEL_SDK_DISABLED: value, OTEL_TRACES_EXPORTER: 'jaeger', OTEL_LOG_LEVEL: 'x' }),
        {
          environment: {
            isDisabled: true,
            logLevel: undefined,
            endpoints: { traces: '', metrics: '' },
            exporters: [],
            batches: defaults.batches,
            metrics: defaults.metrics,
            propagators: ['tracecontext', 'baggage'],
            sampler: defaults.sampler,
            keepsCancelled: false,
            resourceDetectors: [],
            instrumentationConfig: {},
          },
          warnings: [],
        },
      );
    }
  });

  const bad: [
    variables: Record<string, string>,
    named: string,
    accepted: RegExp,
    expected?: Partial<Environment>,
  ][] = [
    [{ OTEL_SDK_DISABLED: 'yes' }, 'OTEL_SDK_DISABLED', /true or false/],
    [{ OTEL_SDK_DISABLED: '1' }, 'OTEL_SDK_DISABLED', /true or false/],
    [{ OTEL_LOG_LEVEL: 'loud' }, 'OTEL_LOG_LEVEL', /NONE, ERROR, WARN, INFO, DEBUG, VERBOSE, ALL/],
    [{ OTEL_TRACES_EXPORTER: 'jaeger' }, 'OTEL_TRACES_EXPORTER', /otlp, console or none/, { exporters: [] }],
    [{ OTEL_TRACES_EXPORTER: 'zipkin,otlp' }, 'OTEL_TRACES_EXPORTER', /otlp, console or none/],
    [
      { OTEL_NODE_RESOURCE_DETECTORS: 'aws,env' },
      'OTEL_NODE_RESOURCE_DETECTORS',
      /all, none, or some of host, os, process, serviceinstance, env/,
      { resourceDetectors: ['env'] },
    ],
    [{ OTEL_TRACES_SAMPLER: 'sometimes' }, 'OTEL_TRACES_SAMPLER', /always_on, .*parentbased_traceidratio/],
    [
      { OTEL_INSTRUMENTATION_CANCELLATION_KEEP_CANCELLED: 'yes' },
      'OTEL_INSTRUMENTATION_CANCELLATION_KEEP_CANCELLED',
      /true or false/,
    ],
    [{ OTEL_METRICS_EXPORTER: 'prometheus' }, 'OTEL_METRICS_EXPORTER', /otlp, console or none/],
    ...['0', '2147483648', '1.5', '-1', '60s'].flatMap((value) =>
      ['OTEL_METRIC_EXPORT_INTERVAL', 'OTEL_METRIC_EXPORT_TIMEOUT'].map(
        (name): [Record<string, string>, string, RegExp, object] => [
          { OTEL_METRICS_EXPORTER: 'console', [name]: value },
          name,
          /a whole number of milliseconds from 1 to 2147483647/,
          { metrics: { ...defaults.metrics, exporters: ['console'] } },
        ],
      ),
    ),
    ...['OTEL_BSP_MAX_EXPORT_BATCH_SIZE', 'OTEL_BSP_MAX_QUEUE_SIZE'].map(
      (name): [Record<string, string>, string, RegExp] => [
        { [name]: '0' },
        name,
        /a whole number from 1 to 2147483647/,
      ],
    ),
    [{ OTEL_BSP_SCHEDULE_DELAY: '-1' }, 'OTEL_BSP_SCHEDULE_DELAY', /of milliseconds from 0 to 2147483647/],
    [
      { OTEL_METRICS_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'localhost' },
      'OTEL_EXPORTER_OTLP_METRICS_ENDPOINT',
      /a URL such as http:/,
      { metrics: { ...defaults.metrics, exporters: ['otlp'] } },
    ],
    [
      { OTEL_METRICS_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: 'grpc' },
      'OTEL_EXPORTER_OTLP_METRICS_PROTOCOL',
      /http\/json or http\/protobuf/,
      { metrics: { ...defaults.metrics, exporters: ['otlp'] } },
    ],
    // One line for both signals.
    [
      { OTEL_METRICS_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
      'OTEL_EXPORTER_OTLP_PROTOCOL',
      /http\/json or http\/protobuf/,
      { metrics: { ...defaults.metrics, exporters: ['otlp'] } },
    ],
    [{ OTEL_PROPAGATORS: 'b3' }, 'OTEL_PROPAGATORS', /none, or some of tracecontext, baggage, but has "b3"/],
    [
      { OTEL_PROPAGATORS: 'b3,tracecontext,jaeger' },
      'OTEL_PROPAGATORS',
      /has "b3, jaeger"/,
      { propagators: ['tracecontext'] },
    ],
    ...['-0.1', '1.1', 'half', 'NaN', 'Infinity'].map(
      (ratio): [Record<string, string>, string, RegExp, object] => [
        { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: ratio },
        'OTEL_TRACES_SAMPLER_ARG',
        /a number from 0 to 1/,
        { sampler: { name: 'traceidratio', ratio: 1 } },
      ],
    ),
    ...['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'].flatMap((name) =>
      ['localhost:4318', 'collector', 'ftp://collector', 'http://', ':4318'].map(
        (url): [Record<string, string>, string, RegExp] => [{ [name]: url }, name, /a URL such as http:/],
      ),
    ),
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4317' },
      'OTEL_EXPORTER_OTLP_ENDPOINT',
      /by HTTP, usually to port 4318/,
      {
        endpoints: { traces: 'http://localhost:4317/v1/traces', metrics: 'http://localhost:4317/v1/metrics' },
      },
    ],
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, 'OTEL_EXPORTER_OTLP_PROTOCOL', /http\/json or http\/protobuf/],
    [
      { OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'grpc', OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' },
      'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL',
      /http\/json or http\/protobuf/,
    ],
    ...['{', 'maxStackFrames=60'].map((text): [Record<string, string>, string, RegExp] => [
      { OTEL_INSTRUMENTATION_CANCELLATION_CONFIG: text },
      'OTEL_INSTRUMENTATION_CANCELLATION_CONFIG',
      /a JSON object such as \{"maxStackFrames":60\}/,
    ]),
  ];
  for (const [variables, named, accepted, expected] of bad) {
    it(`says one line about ${JSON.stringify(variables)} and goes on with the default`, () => {
      const { environment, warnings } = read(variables);
      assert.equal(warnings.length, 1, warnings.join('\n'));
      assert.ok(warnings[0]?.startsWith(`${named} `), warnings[0]);
      assert.match(String(warnings[0]), accepted);
      assert.doesNotMatch(String(warnings[0]), /\n/);
      assert.deepEqual(environment, { ...defaults, ...expected });
    });
  }
});

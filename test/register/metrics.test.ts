/** Metrics of an application in a process of its own, as a real receiver gets them, however that ends. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { after, before, beforeEach, describe, it } from 'node:test';
import { PACKAGE_NAME } from '../../src/version.ts';
import {
  type AppOptions,
  cancellingProgram as program,
  runApp,
  startCollector,
  startSilentCollector,
  unusedUrl,
} from './app.ts';

interface Point {
  readonly attributes: readonly { readonly key: string; readonly value: object }[];
  readonly asInt?: number | string;
  readonly asDouble?: number;
  readonly count?: number | string;
}

interface Metric {
  readonly name: string;
  readonly unit: string;
  readonly [kind: string]: unknown;
}

interface Export {
  readonly path: string | undefined;
  readonly headers: http.IncomingHttpHeaders;
  readonly resource: Record<string, unknown>;
  readonly scopes: readonly {
    readonly scope: { readonly name: string };
    readonly metrics: readonly Metric[];
  }[];
}

const exports: Export[] = [];
const receiver = http.createServer(async (request, response) => {
  const body = JSON.parse((await buffer(request)).toString());
  response.setHeader('content-type', 'application/json').end('{}');
  for (const { resource, scopeMetrics } of body.resourceMetrics ?? []) {
    const attributes = Object.fromEntries(
      resource.attributes.map(({ key, value }: { key: string; value: object }) => [
        key,
        Object.values(value)[0],
      ]),
    );
    exports.push({ path: request.url, headers: request.headers, resource: attributes, scopes: scopeMetrics });
  }
});
let url: string;

before(async () => {
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
});
after(() => receiver.close().closeAllConnections());
beforeEach(() => {
  exports.length = 0;
});

/** What the last export said of a metric: one line for each series. */
function lastLines(name: string, of: readonly Export[] = exports): string[] {
  const metric = of
    .at(-1)
    ?.scopes.flatMap(({ metrics }) => metrics)
    .find((each) => each.name === name);
  const data = (metric?.sum ?? metric?.gauge ?? metric?.histogram) as
    | { dataPoints?: readonly Point[] }
    | undefined;
  return (data?.dataPoints ?? [])
    .map(({ attributes, asInt, asDouble, count }) => {
      const pairs = attributes.map(({ key, value }) => `${key}=${Object.values(value)[0]}`);
      return [...pairs, String(asInt ?? asDouble ?? count)].join(' ');
    })
    .sort();
}

const OPERATIONS = 'cancellation.operations';
const counted = [
  'outcome=canceled side=client system=http cancel.initiator=local cancel.trigger=destroy http.request.method=GET 1',
  'outcome=canceled side=server system=http cancel.initiator=peer cancel.trigger=disconnect http.request.method=GET 1',
  'outcome=completed side=client system=http http.request.method=GET 1',
  'outcome=completed side=server system=http http.request.method=GET 1',
];

function environment(more: Record<string, string> = {}): Record<string, string> {
  return {
    OTEL_TRACES_EXPORTER: 'none',
    OTEL_METRICS_EXPORTER: 'otlp',
    OTEL_EXPORTER_OTLP_ENDPOINT: url,
    ...more,
  };
}

describe('the last values arrive when the process ends', () => {
  const ends: [name: string, last: string, options: AppOptions, code: number | null][] = [
    ['by itself', '', {}, 0],
    ['by process.exit(3)', 'process.exit(3);', {}, 3],
    ['by an uncaught error', "setTimeout(() => { throw new TypeError('boom'); });", {}, 1],
    ['by SIGTERM', "setInterval(() => {}, 1000); console.log('ready');", { signal: 'SIGTERM' }, null],
  ];
  for (const [name, last, options, expected] of ends) {
    it(name, async () => {
      const { code, stderr } = await runApp(`${program} ${last}`, { env: environment(), ...options });
      assert.equal(code, expected);
      if (expected !== 1) assert.equal(stderr, '');
      assert.equal(exports.length, 1);
      assert.deepEqual(lastLines(OPERATIONS), counted);
      assert.deepEqual(
        exports[0]?.scopes.map(({ scope }) => scope.name),
        [PACKAGE_NAME],
      );
    });
  }

  it('by SIGTERM, and with them how the process drained', async () => {
    const { signal } = await runApp(
      `${program} server.listen(0, '127.0.0.1'); await once(server, 'listening');
        http.get({ ...at, port: server.address().port, path: '/wait' }).on('response', () => console.log('ready'));`,
      { env: environment(), signal: 'SIGTERM' },
    );
    assert.equal(signal, 'SIGTERM');
    assert.deepEqual(lastLines('cancellation.shutdown.operations'), [
      'shutdown.trigger=SIGTERM shutdown.result=cut 1',
      'shutdown.trigger=SIGTERM shutdown.result=finished 0',
      'shutdown.trigger=SIGTERM shutdown.result=other 0',
    ]);
    assert.deepEqual(lastLines('cancellation.shutdown.duration'), ['shutdown.trigger=SIGTERM 1']);
  });

  it('by itself, after regular exports that said the same', async () => {
    const env = environment({ OTEL_METRIC_EXPORT_INTERVAL: '100' });
    await runApp(`${program} await new Promise((resolve) => setTimeout(resolve, 3000));`, { env });
    assert.ok(exports.length >= 3, `${exports.length} exports`);
    for (const each of exports.slice(-2)) assert.deepEqual(lastLines(OPERATIONS, [each]), counted);
  });

  it('together with spans, whose resource they share', async () => {
    const collector = await startCollector();
    try {
      const env = environment({
        OTEL_TRACES_EXPORTER: 'otlp',
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/v1/traces`,
        OTEL_SERVICE_NAME: 'shop',
      });
      await runApp(program, { env });
      assert.equal(collector.spans.length, 4);
      assert.deepEqual(lastLines(OPERATIONS), counted);
      assert.equal(exports[0]?.resource['service.name'], 'shop');
      const spans = collector.bodies[0]?.resourceSpans[0]?.resource.attributes ?? [];
      const id = spans.find(({ key }) => key === 'service.instance.id')?.value;
      assert.equal(exports[0]?.resource['service.instance.id'], Object.values(id ?? {})[0]);
    } finally {
      await collector.close();
    }
  });
});

describe('variables', () => {
  it('OTEL_METRICS_EXPORTER is none unless it is said, and so is nothing sent', async () => {
    for (const exporter of ['', 'none']) {
      await runApp(program, { env: environment({ OTEL_METRICS_EXPORTER: exporter }) });
      assert.deepEqual(exports, []);
    }
  });

  it('OTEL_METRICS_EXPORTER=console writes to stdout, also at the end', async () => {
    const env = environment({ OTEL_METRICS_EXPORTER: 'console' });
    const { stdout } = await runApp(`${program} process.exit();`, { env });
    assert.match(stdout, /name: 'cancellation\.operations'/);
    assert.match(stdout, /'cancel\.trigger': 'disconnect'/);
    assert.deepEqual(exports, []);
  });

  it('OTEL_EXPORTER_OTLP_METRICS_ENDPOINT is the whole URL and goes first; headers are sent', async () => {
    const env = environment({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `${url}/here`,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-team=shop',
      OTEL_EXPORTER_OTLP_METRICS_HEADERS: 'x-key=secret',
    });
    await runApp(program, { env });
    assert.equal(exports[0]?.path, '/here');
    assert.equal(exports[0]?.headers['x-team'], 'shop');
    assert.equal(exports[0]?.headers['x-key'], 'secret');
  });

  it('OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=delta: what is said once is not said again', async () => {
    const env = environment({
      OTEL_METRIC_EXPORT_INTERVAL: '100',
      OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: 'delta',
    });
    await runApp(`${program} await new Promise((resolve) => setTimeout(resolve, 1000));`, { env });
    const sums = new Map<string, number>();
    for (const each of exports) {
      for (const line of lastLines(OPERATIONS, [each])) {
        const [, series = '', value] = /^(.*) (\d+)$/.exec(line) ?? [];
        sums.set(series, (sums.get(series) ?? 0) + Number(value));
      }
    }
    assert.deepEqual([...sums].map(([series, value]) => `${series} ${value}`).sort(), counted);
  });

  for (const [variable, value, accepted] of [
    ['OTEL_METRICS_EXPORTER', 'prometheus', /otlp, console or none, but is "prometheus"/],
    ['OTEL_METRIC_EXPORT_INTERVAL', '60s', /a whole number of milliseconds/],
  ] as const) {
    it(`a bad value is said in one line, and the application runs: ${variable}=${value}`, async () => {
      const { code, stderr } = await runApp(program, { env: environment({ [variable]: value }) });
      assert.equal(code, 0);
      assert.match(stderr, new RegExp(`^${PACKAGE_NAME}: ${variable} .*\n$`));
      assert.match(stderr, accepted);
    });
  }
});

describe('the application', () => {
  it('measures with the global provider, by every instrument', async () => {
    const text = `
      import { metrics } from '@opentelemetry/api';
      const meter = metrics.getMeter('app', '1.2.3', { schemaUrl: 'https://example.org' });
      const same = { kind: 'a' };
      const counter = meter.createCounter('app.counter', { unit: '{thing}' });
      counter.add(2, same); same.kind = 'b'; counter.add(3, same); counter.add(-1);
      const upDown = meter.createUpDownCounter('app.up_down');
      upDown.add(5); upDown.add(-7);
      const gauge = meter.createGauge('app.gauge');
      gauge.record(1); gauge.record(-4);
      const histogram = meter.createHistogram('app.histogram');
      histogram.record(1); histogram.record(-1); histogram.record(3, { odd: Symbol('no'), list: [1, 2] });
      meter.createObservableGauge('app.observed').addCallback((result) => result.observe(6, { by: 'callback' }));
      const [a, b] = [meter.createObservableCounter('app.a'), meter.createObservableUpDownCounter('app.b')];
      const batch = (result) => { result.observe(a, 1); result.observe(b, -2); };
      meter.addBatchObservableCallback(batch, [a, b]);
      meter.addBatchObservableCallback(batch, [a, b]);
      const gone = meter.createObservableGauge('app.gone');
      const forget = (result) => result.observe(1);
      gone.addCallback(forget); gone.removeCallback(forget);
      meter.createObservableGauge('app.failing').addCallback(() => { throw new Error('no'); });
      meter.createObservableGauge('app.later').addCallback(async (result) => { await 0; result.observe(8); });
      await new Promise((resolve) => setTimeout(resolve, 600));`;
    const { stderr, code } = await runApp(text, { env: environment({ OTEL_METRIC_EXPORT_INTERVAL: '200' }) });
    assert.equal(stderr, '');
    assert.equal(code, 0);
    assert.deepEqual(lastLines('app.counter'), ['kind=a 2', 'kind=b 3']);
    assert.deepEqual(lastLines('app.up_down'), ['-2']);
    assert.deepEqual(lastLines('app.gauge'), ['-4']);
    assert.deepEqual(lastLines('app.histogram'), ['1', 'list=[object Object] 1']);
    assert.deepEqual(lastLines('app.observed'), ['by=callback 6']);
    assert.deepEqual(lastLines('app.a'), ['1']);
    assert.deepEqual(lastLines('app.b'), ['-2']);
    assert.deepEqual(lastLines('app.gone'), []);
    assert.deepEqual(lastLines('app.failing'), []);
    assert.deepEqual(lastLines('app.later'), ['8']);
  });

  for (const [name, start] of [
    ['accepts and never answers', startSilentCollector],
    ['is not there', async () => ({ url: await unusedUrl(), close: async () => {} })],
  ] as const) {
    it(`ends within 3 s with a collector that ${name}`, async () => {
      const collector = await start();
      try {
        const env = environment({
          OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
          OTEL_METRIC_EXPORT_INTERVAL: '100',
        });
        const { lingeredMs, stdout, code } = await runApp(
          `${program} await new Promise((resolve) => setTimeout(resolve, 300)); console.log('done');`,
          { env },
        );
        assert.equal(code, 0);
        assert.equal(stdout, 'done\n');
        assert.ok(lingeredMs < 3_000, `${lingeredMs} ms`);
      } finally {
        await collector.close();
      }
    });
  }

  it('that measured nothing is not held up', async () => {
    const { lingeredMs } = await runApp("console.log('done');", {
      env: environment({ OTEL_EXPORTER_OTLP_ENDPOINT: await unusedUrl() }),
    });
    assert.ok(lingeredMs < 1_000, `${lingeredMs} ms`);
    assert.deepEqual(exports, []);
  });
});

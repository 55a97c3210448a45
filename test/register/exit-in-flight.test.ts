/** What is in flight when the process ends is recorded as cut by that end, which is as it is without us. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { ExportedSpan } from '../../src/spans/span.ts';
import { type Collector, type Ending, entry, runApp, startCollector } from './app.ts';

interface Cut {
  readonly name: string;
  /** Runs when a request is being served, in a function `end`, and its outgoing request has arrived upstream. */
  readonly end: string;
  readonly signal?: NodeJS.Signals;
  readonly reason: string;
  /** The function that is named, if one is. */
  readonly origin?: string;
  readonly code: number | null;
  readonly endedBy?: NodeJS.Signals;
}

/** A request, whose client is no more than a socket, is served by way of another, to an upstream that is no more than a socket. */
const serving = (end: string): string => `
  const http = require('node:http');
  const net = require('node:net');
  function end(server, upstream, client) { ${end} }
  let server;
  const upstream = net.createServer((socket) => {
    socket.on('error', () => {}).once('data', () => setImmediate(() => end(server, upstream, client)));
  }).listen(0, '127.0.0.1');
  let client;
  server = http.createServer(function handler(request, response) {
    const work = http.get({ host: '127.0.0.1', port: upstream.address().port, path: '/stock' });
    work.on('error', () => {});
  }).listen(0, '127.0.0.1', () => {
    client = net.connect(server.address().port, '127.0.0.1').on('error', () => {});
    client.write('GET /slow HTTP/1.1\\r\\nHost: shop\\r\\n\\r\\n');
  });`;

const official = `
  const { registerInstrumentations } = require('@opentelemetry/instrumentation');
  const { HttpInstrumentation } = require('@opentelemetry/instrumentation-http');
  registerInstrumentations({ instrumentations: [new HttpInstrumentation()] });`;

const cuts: readonly Cut[] = [
  {
    name: 'process.exit(3)',
    end: 'process.exit(3);',
    reason: 'process.exit(3)',
    origin: 'end',
    code: 3,
  },
  {
    name: 'process.exit() with an exit code that was set',
    end: 'process.exitCode = 6; process.exit();',
    reason: 'process.exit(6)',
    origin: 'end',
    code: 6,
  },
  {
    name: 'an uncaught error',
    end: "throw new TypeError('boom');",
    reason: 'TypeError: boom',
    origin: 'end',
    code: 1,
  },
  {
    name: 'an uncaught value that is no error',
    end: "throw 'boom';",
    reason: 'boom',
    code: 1,
  },
  {
    name: 'an unhandled rejection',
    end: "(async function refuse() { throw new RangeError('out'); })();",
    reason: 'RangeError: out',
    origin: 'refuse',
    code: 1,
  },
  {
    name: 'an uncaught error whose handler exits at once',
    end: "process.on('uncaughtException', () => process.exit(9)); throw new Error('boom');",
    reason: 'boom',
    origin: 'end',
    code: 9,
  },
  {
    name: 'a handler of an uncaught error that exits later',
    end: `process.on('uncaughtException', () => setTimeout(function later() { process.exit(9); }, 20));
      throw new Error('boom');`,
    reason: 'process.exit(9)',
    origin: 'Timeout.later [as _onTimeout]',
    code: 9,
  },
  {
    name: 'the end of the event loop, with sockets that nobody waits for',
    end: `server.unref(); upstream.unref(); client.unref();
      for (const handle of process._getActiveHandles()) handle.unref?.();`,
    reason: 'the event loop is empty',
    code: 0,
  },
  {
    name: 'SIGTERM',
    end: "console.log('ready');",
    signal: 'SIGTERM',
    reason: 'SIGTERM',
    code: null,
    endedBy: 'SIGTERM',
  },
  {
    name: 'SIGINT',
    end: "console.log('ready');",
    signal: 'SIGINT',
    reason: 'SIGINT',
    code: null,
    endedBy: 'SIGINT',
  },
  {
    name: 'a handler of SIGTERM that calls process.exit()',
    end: "process.on('SIGTERM', function onSignal() { process.exit(0); }); console.log('ready');",
    signal: 'SIGTERM',
    reason: 'process.exit(0)',
    origin: 'process.onSignal',
    code: 0,
  },
  {
    name: 'a handler of SIGTERM that waits in vain for what is in flight',
    end: `process.once('SIGTERM', () => {
        server.close(() => console.log('never'));
        setTimeout(function giveUp() { process.exit(1); }, 50);
      });
      console.log('ready');`,
    signal: 'SIGTERM',
    reason: 'process.exit(1)',
    origin: 'Timeout.giveUp [as _onTimeout]',
    code: 1,
  },
  {
    name: 'process.exit() when a listener of exit throws',
    end: "process.on('exit', () => { throw new Error('in exit'); }); process.exit(0);",
    reason: 'process.exit(0)',
    origin: 'end',
    code: 0,
  },
  {
    name: 'process.exit() in a listener of exit, after all is done',
    end: "process.on('exit', () => process.exit(8)); process.exit(0);",
    reason: 'process.exit(0)',
    origin: 'end',
    code: 8,
  },
];

/** Node's own frames are others for one listener than for two, and where asynchronous contexts are kept. */
function seen({ code, signal, stdout, stderr }: Ending): object {
  return { code, signal, stdout, stderr: stderr.replaceAll(/^ +at .*\(?node:.*\n/gm, '') };
}

/** Of `function (file:line:column)`. */
function functionOf(origin: unknown): string | undefined {
  return typeof origin === 'string' ? origin.split(' (')[0] : undefined;
}

describe('what is in flight is cut', () => {
  let collector: Collector;
  before(async () => {
    collector = await startCollector();
  });
  after(() => collector.close());

  async function run(program: string, service: string, signal?: NodeJS.Signals): Promise<Ending> {
    const options = { isModule: false, ...(signal === undefined ? {} : { signal }) };
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_SERVICE_NAME: service };
    const [without, withUs] = await Promise.all([
      runApp(program, { flags: [], ...options }),
      runApp(program, { flags: ['--require', entry], env, ...options }),
    ]);
    assert.deepEqual(seen(withUs), seen(without));
    return withUs;
  }

  function spansOf(service: string): readonly ExportedSpan[] {
    return collector.spans.filter(({ serviceName }) => serviceName === service);
  }

  for (const beside of ['alone', 'official']) {
    for (const { name, end, signal, reason, origin, code, endedBy } of cuts) {
      it(`by ${name}, ${beside}`, async () => {
        const service = `${name} ${beside}`;
        const prelude = beside === 'official' ? official : '';
        const ending = await run(prelude + serving(end), service, signal);
        assert.equal(ending.code, code, ending.stderr);
        assert.equal(ending.signal, endedBy ?? null);
        const spans = spansOf(service).filter(({ kind }) => kind !== 'internal');
        assert.deepEqual(spans.map(({ kind }) => kind).toSorted(), ['client', 'server']);
        for (const { kind, attributes, status } of spans) {
          assert.equal(attributes['context.canceled'], true);
          assert.equal(attributes['cancel.trigger'], 'exit');
          assert.equal(attributes['cancel.initiator'], kind === 'server' ? 'local' : 'inherited');
          assert.equal(attributes['cancel.reason'], reason);
          assert.equal(attributes['cancel.phase'], kind === 'server' ? 'handle' : 'wait');
          assert.equal(functionOf(attributes['cancel.origin']), origin);
          assert.equal(status.code, 'unset');
        }
        const server = spans.find(({ kind }) => kind === 'server');
        const client = spans.find(({ kind }) => kind === 'client');
        assert.equal(client?.parentSpanId, server?.spanId);
        assert.equal(client?.attributes['cancel.cause.span_id'], server?.spanId);
        assert.equal(client?.attributes['cancel.propagation_ms'], 0);
        assert.deepEqual(
          server?.events.map((event) => [event.name, functionOf(event.attributes['cancel.pending.origin'])]),
          [
            ['context.canceled', undefined],
            ['cancel.pending', 'Server.handler'],
          ],
        );
      });
    }
  }
});

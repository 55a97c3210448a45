/** What is said of exports on stderr: nothing while they work, one line when they fail, and what it is worth. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { explain } from '../../src/register/export-advice.ts';
import { PACKAGE_NAME } from '../../src/version.ts';
import { selfSignedCertificate } from '../integrations/http/certificate.ts';
import { preamble, runApp, startSilentCollector, unusedUrl } from './app.ts';

const waiting: http.ServerResponse[] = [];
/** Of a receiver: the status of one answer after the other, the last one of all that follow. */
let statuses: number[] = [];
/** Who asks by GET is answered when there are no more of them to come. */
const receiver = http.createServer((request, response) => {
  if (request.method === 'GET') waiting.push(response);
  request.resume().on('end', () => {
    if (request.method === 'GET') return;
    if (statuses.length === 1) for (const each of waiting.splice(0)) each.end();
    const status = (statuses.length > 1 ? statuses.shift() : statuses[0]) ?? 200;
    response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
  });
});
/** Speaks HTTP/2 only, as servers of gRPC do. */
const grpcLike = http2.createServer();
/** Sends what a server of gRPC written in Go sends at once: the settings of HTTP/2. */
const settingsFirst = net.createServer((socket) => {
  socket.on('error', () => {}).end(Buffer.from('000000040000000000', 'hex'));
});
const secure = https.createServer(selfSignedCertificate(), (_request, response) => response.end('{}'));
const servers = [receiver, grpcLike, settingsFirst, secure];

before(async () => {
  for (const server of servers) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }
});
after(() => {
  for (const server of servers) server.close();
  receiver.closeAllConnections();
  secure.closeAllConnections();
});

function urlOf(server: net.Server, protocol = 'http'): string {
  return `${protocol}://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Lines on stderr, without our name in front of each. */
function linesOf(stderr: string): string[] {
  const lines = stderr.split('\n');
  assert.equal(lines.pop(), '', 'the last line is whole');
  return lines.map((line) => {
    assert.ok(line.startsWith(`${PACKAGE_NAME}: `), line);
    return line.slice(PACKAGE_NAME.length + 2);
  });
}

/** A span and an export after the other, `rounds` times. */
const exporting = (rounds: number): string => `${preamble}
  for (let round = 0; round < ${rounds}; round++) {
    span();
    await trace.getTracerProvider().getDelegate().forceFlush();
  }`;

describe('exports that fail', () => {
  it('are said once, and once more when they work again with what was lost, and at the end', async () => {
    statuses = [200, 404, 404, 200, 200, 415, 500];
    const { stderr, code } = await runApp(exporting(8), {
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: urlOf(receiver) },
    });
    assert.equal(code, 0);
    const url = `${urlOf(receiver)}/v1/traces`;
    const [first, again, second, end, ...more] = linesOf(stderr);
    assert.match(
      String(first),
      new RegExp(`^spans are not exported to ${url}: answered 404 Not Found\\. Is the path right`),
    );
    assert.equal(again, `spans are exported again to ${url}; 2 spans were lost in between.`);
    assert.match(String(second), new RegExp(`^spans are not exported to ${url}: answered 415 .* JSON`));
    assert.equal(end, `3 spans were lost at the end: exports to ${url} still fail.`);
    assert.deepEqual(more, []);
  });

  it('of metrics are said in lines of their own', async () => {
    statuses = [404, 404, 200];
    const { stderr } = await runApp(
      `import { metrics } from '@opentelemetry/api';
       metrics.getMeter('app').createCounter('things').add(1);
       await fetch('${urlOf(receiver)}');`,
      {
        env: {
          OTEL_EXPORTER_OTLP_ENDPOINT: urlOf(receiver),
          OTEL_TRACES_EXPORTER: 'none',
          OTEL_METRICS_EXPORTER: 'otlp',
          OTEL_METRIC_EXPORT_INTERVAL: '50',
        },
      },
    );
    const url = `${urlOf(receiver)}/v1/metrics`;
    const [first, again, ...more] = linesOf(stderr);
    assert.match(String(first), new RegExp(`^metrics are not exported to ${url}: answered 404`));
    assert.equal(again, `metrics are exported again to ${url}.`);
    assert.deepEqual(more, []);
  });

  it('are not said at OTEL_LOG_LEVEL=none', async () => {
    statuses = [404];
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: urlOf(receiver), OTEL_LOG_LEVEL: 'none' };
    const { stderr, stdout } = await runApp(exporting(2), { env });
    assert.deepEqual([stdout, stderr], ['', '']);
  });

  for (const level of ['error', 'all']) {
    it(`are said once at OTEL_LOG_LEVEL=${level} as well`, async () => {
      statuses = [404];
      const env = { OTEL_EXPORTER_OTLP_ENDPOINT: urlOf(receiver), OTEL_LOG_LEVEL: level };
      const { stderr } = await runApp(`${preamble} span();`, { env });
      assert.equal(linesOf(stderr).length, 1, stderr);
    });
  }

  it('keep what is secret in the URL', async () => {
    statuses = [404];
    const url = urlOf(receiver).replace('//', '//user:secret@');
    const env = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${url}/here?key=secret` };
    const { stderr } = await runApp(`${preamble} span();`, { env });
    assert.ok(!stderr.includes('secret') && !stderr.includes('user'), stderr);
    assert.match(stderr, /\/here: answered 404/);
  });

  const faults: [name: string, url: () => string | Promise<string>, said: RegExp][] = [
    ['nobody listens', unusedUrl, /ECONNREFUSED.* Is a collector or Jaeger running there\?/],
    [
      'the name is not known',
      // No host name has an empty part, so no DNS server is asked, which may take its time.
      () => 'http://collector..invalid:4318',
      /ENOTFOUND collector\.\.invalid\. Is the name right/,
    ],
    ['the port is that of gRPC', () => urlOf(grpcLike), /gRPC is usually on port 4317, that of HTTP on 4318/],
    [
      'the port is that of gRPC in Go',
      () => urlOf(settingsFirst),
      /gRPC is usually on port 4317, that of HTTP on 4318/,
    ],
    [
      'it speaks TLS, and its certificate is not trusted',
      () => urlOf(secure, 'https'),
      /certificate.* NODE_EXTRA_CA_CERTS/,
    ],
    ['it does not speak TLS', () => urlOf(receiver, 'https'), /its URL begins with http:/],
  ];
  for (const [name, url, said] of faults) {
    it(`say what to do when ${name}`, async () => {
      const { stderr } = await runApp(`${preamble} span();`, {
        env: { OTEL_EXPORTER_OTLP_ENDPOINT: await url() },
      });
      const [line, ...more] = linesOf(stderr);
      assert.match(String(line), /^1 span was lost, not exported to /);
      assert.match(String(line), said);
      assert.deepEqual(more, []);
    });
  }

  it('say that there was no answer', async () => {
    const collector = await startSilentCollector();
    try {
      const { stderr } = await runApp(`${preamble} span();`, {
        env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url },
      });
      assert.deepEqual(linesOf(stderr), [
        `1 span was lost, not exported to ${collector.url}/v1/traces: no answer within 1000 ms.`,
      ]);
    } finally {
      await collector.close();
    }
  });
});

describe('the cause of a failed export', () => {
  const cases: [error: unknown, said: RegExp][] = [
    [{ code: 400, message: 'Bad Request' }, /^answered 400 Bad Request\. .* as JSON/],
    [{ code: 401, message: 'Unauthorized' }, /^answered 401 .*OTEL_EXPORTER_OTLP_HEADERS/],
    [{ code: 403 }, /^answered 403\. .*OTEL_EXPORTER_OTLP_HEADERS/],
    [{ code: 405, message: 'Method Not Allowed' }, /OTEL_EXPORTER_OTLP_ENDPOINT is the base URL/],
    [{ code: 413, message: 'Payload Too Large' }, /OTEL_BSP_MAX_EXPORT_BATCH_SIZE/],
    [{ code: 500, message: 'Internal Server Error' }, /^answered 500 Internal Server Error\.$/],
    [
      { code: 'CERT_HAS_EXPIRED', message: 'certificate has expired' },
      /^certificate has expired\. .*renewed/,
    ],
    [new Error('Export failed with retryable status'), /^answered 429, 502, 503 or 504 to each attempt\.$/],
    [{ code: 'EUNKNOWN', message: 'two\nlines' }, /^two lines\.$/],
    [
      new AggregateError([Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })], ''),
      /^connect\. .*collector/,
    ],
    [new Error('x'.repeat(1_000)), /^x{300}\.$/],
    ['text', /^text\.$/],
    [undefined, /^undefined\.$/],
  ];
  for (const [error, said] of cases) {
    it(`is one line: ${said.source}`, () => assert.match(explain(error), said));
  }
});

describe('a process whose exports work, or that has nothing to export,', () => {
  /** Ends of all kinds, early and late. */
  const ends = {
    'runs out at once': '',
    'runs out after 20 ms': 'setTimeout(() => {}, 20);',
    'exits at once': 'process.exit(0);',
    'exits after 1 ms': 'setTimeout(() => process.exit(0), 1);',
    'exits after 100 ms': 'setTimeout(() => process.exit(0), 100);',
    'is ended by a signal': "setInterval(() => {}, 1000); process.kill(process.pid, 'SIGTERM');",
  };
  for (const [name, end] of Object.entries(ends)) {
    for (const exporter of ['otlp', 'console']) {
      it(`says nothing, even at OTEL_LOG_LEVEL=error, when it ${name}, with ${exporter}`, async () => {
        statuses = [200];
        const env = {
          OTEL_EXPORTER_OTLP_ENDPOINT: urlOf(receiver),
          OTEL_LOG_LEVEL: 'error',
          OTEL_TRACES_EXPORTER: exporter,
          OTEL_METRICS_EXPORTER: exporter,
        };
        const text = `${preamble} import { metrics } from '@opentelemetry/api';
          metrics.getMeter('app').createCounter('things').add(1);
          for (let i = 0; i < 50; i++) span(); ${end}`;
        const { stderr, stdout } = await runApp(text, { env });
        assert.equal(stderr, '');
        if (exporter === 'console') {
          assert.equal(stdout.match(/name: 'work'/g)?.length, 50);
          assert.match(stdout, /name: 'things'/);
        }
      });
    }
  }

  it('says nothing where nobody listens and there was no span', async () => {
    const { stderr } = await runApp('', { env: { OTEL_EXPORTER_OTLP_ENDPOINT: await unusedUrl() } });
    assert.equal(stderr, '');
  });
});

describe('the start', () => {
  const env = (url: string): Record<string, string> => ({
    OTEL_EXPORTER_OTLP_ENDPOINT: url,
    OTEL_LOG_LEVEL: 'info',
  });

  it('is told in one line at OTEL_LOG_LEVEL=info: what, beside whom, by which SDK, where to', async () => {
    statuses = [200];
    const text = `import '@opentelemetry/instrumentation-http'; import '@opentelemetry/instrumentation-undici';`;
    const { stdout } = await runApp(text, { env: env(urlOf(receiver)) });
    assert.match(
      stdout,
      new RegExp(
        `^${PACKAGE_NAME}: \\d+\\.\\d+\\.\\d+\\S* instruments abort, grpc, http, http2, servers, undici, jobs, bullmq, kafkajs, amqplib, ` +
          'beside @opentelemetry/instrumentation-http, @opentelemetry/instrumentation-undici; ' +
          `spans are made by the SDK of register and go to ${urlOf(receiver)}/v1/traces\n$`,
      ),
    );
  });

  it('is told while the process runs, not only at its end', async () => {
    const { stdout } = await runApp("setTimeout(() => console.log('end'), 1500);", {
      env: env(urlOf(receiver)),
    });
    assert.match(stdout, /instruments .*\nend\n$/);
  });

  it('is not told at the default level', async () => {
    const { stdout, stderr } = await runApp('', { env: { OTEL_EXPORTER_OTLP_ENDPOINT: urlOf(receiver) } });
    assert.deepEqual([stdout, stderr], ['', '']);
  });
});

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { trace } from '@opentelemetry/api';

import { findingsOf } from '../../src/spans/findings.ts';

import type { ExportedSpan } from '../../src/spans/span.ts';
import { PACKAGE_NAME } from '../../src/version.ts';
import { answerAtOnce, GrpcService, loadGrpc, startCall } from '../integrations/grpc/service.ts';
import { exportedFile } from '../support/exported-file.ts';
import { scriptFile } from '../support/script.ts';
import { setup } from '../support/setup.ts';
import { Telemetry } from '../support/telemetry.ts';

const telemetry = new Telemetry(setup);
const { Http2Lab } = await import('../integrations/http2/lab.ts');
const { default: http2 } = await import('node:http2');

const lab = new Http2Lab();
const service = await new GrpcService(loadGrpc()).listen();
service.handler = answerAtOnce;
const peer = await lab.serve(({ stream }) => {
  stream.respond({ ':status': 200 });
  stream.end('done');
});
/** Takes its time, whatever its client wants. */
const slowPeer = await lab.serve(({ stream }) => {
  stream.respond({ ':status': 200 });
  setTimeout(() => stream.end('done'), 200);
});
const folder = mkdtempSync(join(tmpdir(), 'report-'));
const undos: (() => unknown)[] = [
  () => rmSync(folder, { recursive: true }),
  () => lab.close(),
  () => service.close(),
];
after(async () => {
  for (const undo of undos.reverse()) await undo();
});
beforeEach(() => telemetry.reset());

/** @param value in the header's place; undefined: none */
async function proxyTo(port: number, header: string, value?: string): Promise<string> {
  const script = scriptFile('../support/rewriting-proxy.ts', import.meta.url);
  const args = [script, String(port), header, ...(value === undefined ? [] : [value])];
  const proxy = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  undos.push(() => proxy.kill('SIGKILL'));
  const [line] = await once(proxy.stdout, 'data');
  return `127.0.0.1:${Number(line)}`;
}

async function callWithin(address: string, timeoutMs: number): Promise<void> {
  const client = await service.client(address);
  const { ended } = startCall(client, 'unary', { deadline: Date.now() + timeoutMs });
  assert.equal(await ended, null);
  await telemetry.allEnded();
}

async function requestWithin(address: string, timeoutMs: number, header = 'timeout-ms'): Promise<void> {
  const session = http2.connect(`http://${address}`);
  const stream = session.request({ ':path': '/orders', [header]: String(timeoutMs) });
  assert.equal(await text(stream), 'done');
  session.close();
  await telemetry.allEnded();
}

const exportToFile = (): Promise<string> => exportedFile(telemetry.ended, folder);

async function report(...args: string[]): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
  return spawnSync(process.execPath, [main, 'report', ...args], { encoding: 'utf8', timeout: 20_000 });
}

describe('the report', () => {
  const changes: [what: string, value: string | undefined, detail: RegExp][] = [
    ['takes it away', undefined, /sent 60 ms, \S+ read none, and took [23]\d\d ms$/m],
    ['makes it longer', '90000', /sent 60 ms, \S+ read 90000 ms from timeout-ms, and took [23]\d\d ms$/m],
  ];
  for (const [what, value, detail] of changes) {
    it(`names a deadline that was lost in a proxy that ${what}`, async () => {
      // The service reads deadlines, as is known of this one.
      await requestWithin(`127.0.0.1:${peer.port}`, 5_000);
      await requestWithin(await proxyTo(slowPeer.port, 'timeout-ms', value), 60);
      const { status, stdout } = await report(await exportToFile());
      assert.equal(status, 1);
      assert.match(stdout, /^deadline_lost_on_wire {2}1$/m);
      assert.match(stdout, detail);
      assert.match(stdout, /^1 findings in 4 spans$/m);
    });
  }

  for (const [what, value] of [
    ['takes it away, and the answer is in time', undefined],
    ['makes it longer, and the answer is in time', '90S'],
    ['makes it shorter', '100m'],
  ] as const) {
    it(`says nothing of a proxy that ${what}`, async () => {
      await callWithin(`127.0.0.1:${service.port}`, 5_000);
      await callWithin(await proxyTo(service.port, 'grpc-timeout', value), 5_000);
      assert.equal((await report(await exportToFile())).status, 0);
    });
  }

  it('says nothing of a proxy that changes another header', async () => {
    await callWithin(await proxyTo(service.port, 'x-other', 'yes'), 5_000);
    const { status, stdout } = await report(await exportToFile());
    assert.equal(status, 0);
    assert.match(stdout, /^0 findings in 2 spans\n$/m);
  });

  it('lists a guess, and does not fail for it', async () => {
    trace
      .getTracer('test')
      .startSpan('GET')
      .addEvent('cancel.finding', {
        'cancel.finding.rule': 'context_lost',
        'cancel.finding.detail': 'perhaps',
      })
      .end();
    const { status, stdout } = await report(await exportToFile());
    assert.match(stdout, /^context_lost {2}1$/m);
    assert.equal(status, 0);
  });

  it('lists what spans say themselves', async () => {
    const header = 'connect-timeout-ms';
    await requestWithin(await proxyTo(peer.port, header, 'soon'), 5_000, header);
    const { status, stdout } = await report(await exportToFile());
    assert.equal(status, 1);
    assert.match(stdout, /^timeout_malformed {2}1$/m);
    assert.match(
      stdout,
      /^ {2}trace [0-9a-f]{32} {2}\S+: GET \/orders\n {4}connect-timeout-ms: "soon" breaks its grammar/m,
    );
    assert.match(stdout, /^1 findings in 2 spans$/m);
  });
});

describe('a deadline is lost on the wire', () => {
  /** A call that took 400 ms, seen from both sides: by a server that this package sees, or by another. */
  function call(sent: object, read: object, scopeName = PACKAGE_NAME): ExportedSpan[] {
    const common = {
      ...{ traceId: 't', name: 'call', serviceName: 'shop', scopeName },
      ...{ startMs: 0, endMs: 400, durationMs: 400, status: { code: 'unset', message: '' } as const },
      ...{ events: [], links: [] },
    };
    return [
      { ...common, spanId: 'c', parentSpanId: undefined, kind: 'client', attributes: { ...sent } },
      { ...common, spanId: 's', parentSpanId: 'c', kind: 'server', attributes: { ...read } },
    ];
  }
  const option = (timeoutMs: number) => ({ 'deadline.timeout_ms': timeoutMs, 'deadline.source': 'option' });
  const read = (timeoutMs: number) => ({
    'deadline.timeout_ms': timeoutMs,
    'deadline.source': 'grpc-timeout',
  });

  for (const [what, spans, isLost] of [
    ['longer by the slack', call(option(300), read(320)), false],
    ['longer by more', call(option(300), read(321)), true],
    ['shorter', call(option(300), read(200)), false],
    ['none', call(option(300), {}), true],
    ['none, by a server of which nobody knows that it reads any', call(option(300), {}, 'other'), false],
    ['none, and the call was over in time', call(option(390), {}), false],
    ['none, and the server was told', call(option(300), { deadline_exceeded: true }), false],
    [
      'longer by a clock that is behind',
      call(option(300), { ...read(900), 'deadline.source': 'x-request-deadline' }),
      false,
    ],
    ['none of either', call({}, {}), false],
    ['one that only the server has', call({}, read(300)), false],
    [
      'a signal of the client, which is not sent',
      call({ ...option(300), 'deadline.source': 'signal' }, {}),
      false,
    ],
    ['an idle timeout of the client', call({ ...option(300), 'deadline.source': 'timeout' }, {}), false],
    ['a deadline in the past', call(option(-5), {}), false],
  ] as const) {
    it(`${isLost ? 'when' : 'but not when'} it is ${what}`, () => {
      assert.deepEqual(
        findingsOf(spans).map(({ rule }) => rule),
        isLost ? ['deadline_lost_on_wire'] : [],
      );
    });
  }
});

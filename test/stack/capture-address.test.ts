/** Requests of clients that send no traceparent: their server's span is found by address, path and time, where there is one alone. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { runCommand } from '../support/command.ts';
import { exportedFile } from '../support/exported-file.ts';
import { captureTools, type PacketCapture, startCapture } from '../support/packet-capture.ts';
import { Telemetry } from '../support/telemetry.ts';
import { of, type Told, told } from '../support/told-by-capture.ts';

const tools = captureTools();
const telemetry = new Telemetry('alone');

/** Without instrumentation: in a process of its own. */
const CLIENT = `
  const [http, http2, { once }] = [require('node:http'), require('node:http2'), require('node:events')];
  const [first, second] = process.argv.slice(1).map(Number);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const get = (path) => new Promise((resolve) => {
    const request = http.get({ port: first, host: '127.0.0.1', path, agent }, (answer) => answer.resume().on('end', resolve));
    request.on('error', resolve);
    if (path === '/left') setTimeout(() => request.destroy(), 100);
  });
  (async () => {
    for (const path of ['/one', '/again', '/again', '/left', '/the-end']) {
      await get(path);
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    const session = http2.connect('http://127.0.0.1:' + second);
    const ask = (path) => session.request({ ':path': path }).resume();
    await Promise.all(['/twin', '/twin', '/other'].map((path) => once(ask(path), 'close')));
    const reset = ask('/reset');
    setTimeout(() => reset.close(8), 100);
    await once(reset, 'close');
    await once(ask('/last-of-all'), 'close');
    session.close();
  })();
`;

describe('capture of a client without instrumentation', {
  skip: 'unavailable' in tools && tools.unavailable,
}, () => {
  const first = http.createServer((request, response) => {
    if (request.url !== '/left') response.end('ok');
  });
  const second = http2.createServer((request, response) => {
    if (request.url !== '/reset') setTimeout(() => response.end('ok'), 50);
  });
  let recorded: PacketCapture;
  let all: Told[];
  let spans: string;

  before(async () => {
    for (const server of [first, second]) await once(server.listen(0, '127.0.0.1'), 'listening');
    const ports = [first, second].map((server) => (server.address() as AddressInfo).port);
    recorded = await startCapture((tools as { tcpdump: string }).tcpdump, ports);
    await promisify(execFile)(process.execPath, ['-e', CLIENT, ...ports.map(String)]);
    await recorded.stop('/the-end');
    await telemetry.allEnded();
    spans = await exportedFile(telemetry.ended, recorded.folder);
    all = await told(recorded.file, '--spans', spans, '--all');
  });
  after(() => {
    for (const server of [first, second]) server.close();
    first.closeAllConnections();
    recorded.remove();
  });

  const spanOf = (path: string) => telemetry.ended.find(({ attributes }) => attributes['url.path'] === path);
  const joinedTo = ({ remarks }: Told): string | undefined =>
    remarks.flatMap(
      (remark) => /^no traceparent was sent: trace (\w+), by address/.exec(remark)?.[1] ?? [],
    )[0];

  for (const path of ['/one', '/left', '/other', '/reset']) {
    it(`${path} has the span of its server`, () => {
      assert.equal(joinedTo(of(all, path)), spanOf(path)?.spanContext().traceId);
    });
  }

  it('are in the timeline, with the sentence at the cancel of the span', async () => {
    const out = join(recorded.folder, 'timeline.json');
    const { exitCode } = await runCommand('timeline', spans, '--capture', recorded.file, '--out', out);
    assert.equal(exitCode, 0);
    const { traceEvents } = JSON.parse(readFileSync(out, 'utf8')) as {
      traceEvents: { ph: string; name: string; cat?: string; args?: Record<string, unknown> }[];
    };
    const onWire = traceEvents.flatMap(({ ph, cat, name }) => (ph === 'X' && cat === 'wire' ? [name] : []));
    assert.ok(onWire.includes('GET /left') && !onWire.includes('GET /twin'), onWire.join(', '));
    const told = traceEvents.flatMap(({ ph, args }) => (ph === 'i' ? [args?.['on the wire']] : []));
    assert.ok(told.flat().includes(of(all, '/left').sentence), JSON.stringify(told));
  });

  it('what the server noticed stands in the sentence', () => {
    assert.match(
      of(all, '/left').sentence ?? '',
      /^the client closed the connection \(FIN\) at \+\d+ ms · the handler noticed at \+\d+ ms$/,
    );
    assert.match(
      of(all, '/reset').sentence ?? '',
      /^the reset left at \+\d+ ms · the handler noticed at \+\d+ ms$/,
    );
  });

  it('one after the other on a connection, each has its own', () => {
    const traces = all.filter(({ target }) => target === '/again').map(joinedTo);
    const expected = telemetry.ended
      .filter(({ attributes }) => attributes['url.path'] === '/again')
      .map((span) => span.spanContext().traceId);
    assert.deepEqual(traces.toSorted(), expected.toSorted());
    assert.equal(new Set(traces).size, 2);
  });

  it('two that look alike at the same time have none', () => {
    assert.deepEqual(all.filter(({ target }) => target === '/twin').map(joinedTo), [undefined, undefined]);
  });
});

/** What became of calls on the wire, from a real capture of real calls, beside what their spans say. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { GrpcService, KINDS, loadGrpc, startCall } from '../integrations/grpc/service.ts';
import { selfSignedCertificate } from '../integrations/http/certificate.ts';
import { exportedFile } from '../support/exported-file.ts';
import { captureTools, type PacketCapture, startCapture } from '../support/packet-capture.ts';
import { Telemetry } from '../support/telemetry.ts';
import { capture, of, says, type Told, told } from '../support/told-by-capture.ts';

const tools = captureTools();
const telemetry = new Telemetry('alone');
const grpc = loadGrpc();

describe('capture', { skip: 'unavailable' in tools && tools.unavailable }, () => {
  const { tcpdump } = tools as { tcpdump: string };
  const service = new GrpcService(grpc);
  const plain = http.createServer(answerHttp);
  const secure = http2.createSecureServer(selfSignedCertificate(), (_request, response) => {
    response.write('some');
  });
  let recorded: PacketCapture;
  let spans: string;
  let keylog: string;
  let all: Told[];

  before(async () => {
    await service.listen();
    for (const server of [plain, secure]) await once(server.listen(0, '127.0.0.1'), 'listening');
    const ports = [service.port, ...[plain, secure].map((server) => (server.address() as AddressInfo).port)];
    recorded = await startCapture(tcpdump, ports);
    keylog = join(recorded.folder, 'keylog');
    secure.on('keylog', (line: Buffer) => writeFileSync(keylog, line, { flag: 'a' }));
    await callGrpc();
    await callHttp();
    await callSecurely();
    await (await fetch(`${origin()}/the-end`)).text();
    await recorded.stop('GET /the-end');
    await telemetry.allEnded();
    spans = await exportedFile(telemetry.ended, recorded.folder);
    all = await told(recorded.file, '--spans', spans, '--keylog', keylog, '--all');
  });
  after(() => {
    service.close();
    for (const server of [plain, secure]) server.close();
    recorded.remove();
  });

  for (const kind of KINDS) {
    it(`a gRPC deadline that passes, ${kind}: set, on the wire, read, reset, while the connection goes on`, () => {
      const [missed] = all.filter(
        ({ target, limit }) => target === `/test.Echo/${kind}` && limit !== undefined,
      );
      assert.ok(missed !== undefined);
      assert.equal(missed.limitHeaders[0]?.[0], 'grpc-timeout');
      const wireMs = missed.limit?.timeoutMs ?? 0;
      assert.ok(wireMs > 0 && wireMs <= 150, `${wireMs} ms`);
      const said = says(missed);
      // Both sides have a timer: the server's answer may be there before the client resets.
      if (missed.grpcStatus !== 4) {
        assert.deepEqual([missed.cut?.how, missed.cut?.errorCode], ['RST_STREAM', 8], said.join('\n'));
        assert.ok((missed.cut?.atMs ?? 0) > missed.requestAtMs, said.join('\n'));
      }
      const setMs = Number(/^client span: set (\d+) ms$/m.exec(said.join('\n'))?.[1]);
      assert.ok(setMs >= wireMs && setMs <= 151, said.join('\n'));
      // When its handler began: some of it may have gone by.
      const readMs = Number(/^server span: read (\d+) ms$/m.exec(said.join('\n'))?.[1]);
      assert.ok(readMs > 0 && readMs <= wireMs, said.join('\n'));
      assert.ok(
        said.some((line) => line.startsWith('client span: deadline_exceeded (local, deadline)')),
        said.join('\n'),
      );
      assert.ok(
        said.some((line) => line.startsWith('server span: deadline_exceeded')),
        said.join('\n'),
      );
      assert.equal(missed.connectionEnd, undefined);
      const limits = `client set ${setMs} ms · the wire says ${missed.limitHeaders[0]?.[1]} · the server read ${readMs} ms · `;
      assert.ok(missed.sentence?.startsWith(limits), missed.sentence);
      assert.match(missed.sentence ?? '', /client gave up at \+\d+ ms/);
      if (missed.grpcStatus !== 4) assert.match(missed.sentence ?? '', /the reset left at \+\d+ ms/);
      assert.match(missed.sentence ?? '', /the (server gave up|handler noticed) at \+\d+ ms/);
    });
  }

  it('a stream that is cancelled: the line of the cancel, and what the server still sent', () => {
    const [cancelled] = all.filter(
      ({ target, limit }) => target === '/test.Echo/serverStream' && limit === undefined,
    );
    assert.ok(cancelled !== undefined);
    const said = says(cancelled).join('\n');
    assert.match(said, /client: RST_STREAM CANCEL/);
    assert.match(said, /client span: canceled \(local, cancel\): .*capture\.test\.ts:\d+:\d+/);
    assert.ok(cancelled.late.server.count > 0, said);
    assert.ok(cancelled.late.server.bytes > 0, said);
    assert.match(
      cancelled.sentence ?? '',
      /^client gave up at \+[\d.]+ ms · the reset left at \+[\d.]+ ms · the handler noticed at \+[\d.]+ ms$/,
    );
    assert.match(said, /server: (the last of \d+ DATA frames|one DATA frame) after that: \d+ bytes/);
  });

  it('a grpc-timeout that breaks its grammar is named, and is no number', () => {
    const malformed = of(all, '/test.Echo/odd');
    assert.deepEqual(malformed.limitHeaders, [['grpc-timeout', '99999999999999n']]);
    assert.match(
      malformed.remarks.join('\n'),
      /grpc-timeout: "99999999999999n" breaks its grammar; accepted: 1 to 8 digits/,
    );
    assert.match(says(malformed).join('\n'), /client: request, grpc-timeout: 99999999999999n = no limit/);
  });

  it('HTTP/1.1: who closed the connection before the answer was whole', () => {
    const left = of(all, '/hang');
    assert.deepEqual([left.protocol, left.cut?.by, left.limit?.timeoutMs], ['HTTP/1.1', 'client', 80]);
    assert.match(says(left).join('\n'), /client span: deadline_exceeded|client span: canceled/);
    assert.match(
      left.sentence ?? '',
      /the wire says timeout-ms: 80 · .*the client closed the connection \((FIN|RST)\) at \+\d+ ms/,
    );
    const dropped = of(all, '/drop');
    assert.deepEqual([dropped.cut?.by, dropped.status], ['server', 200]);
  });

  it('HTTP/1.1: answers of all lengths are whole', () => {
    for (const target of ['/length', '/chunks', '/close', '/head', '/nothing', '/posted']) {
      const whole = of(all, target);
      assert.equal(whole.cut, undefined, JSON.stringify(whole));
      assert.notEqual(whole.answerEndAtMs, undefined, JSON.stringify(whole));
    }
  });

  it('TLS, with its keys', () => {
    const reset = of(all, '/secure');
    assert.deepEqual([reset.protocol, reset.cut?.how, reset.cut?.by], ['HTTP/2', 'RST_STREAM', 'client']);
  });

  it('without --all only those to which something happened; text names what it is', async () => {
    const { stdout } = await capture(recorded.file, '--spans', spans);
    assert.match(
      stdout,
      /^POST \/test\.Echo\/unary\n {2}HTTP\/2 stream \d+, 127\.0\.0\.1:\d+ → 127\.0\.0\.1:\d+, trace [\da-f]{32}\n/m,
    );
    assert.match(stdout, /^ +\+\d+(\.\d)? ms {2}client {6}RST_STREAM CANCEL$/m);
    assert.doesNotMatch(stdout, /\/length/);
    assert.match(stdout, /\n\d+ requests, \d+ of them with something to tell\.\n$/);
  });

  it('tells the same as Markdown, in which what strangers wrote is code', async () => {
    const { exitCode, stdout, stderr } = await capture(recorded.file, '--markdown');
    assert.equal(exitCode, 0, stderr);
    assert.match(
      stdout,
      /^## `POST \/test\.Echo\/\w+`\n\n`HTTP\/2 stream \d+, 127\.0\.0\.1:\d+ → 127\.0\.0\.1:\d+/m,
    );
    assert.match(stdout, /^\| after \| by \| \|\n\|--:\|---\|---\|\n\| 0\.0 ms \| client \| `/m);
    assert.match(stdout, /^\| \d+(\.\d)? ms \| client \| `RST_STREAM CANCEL` \|$/m);
    assert.match(
      (await capture(recorded.file, '--markdown', '--json')).stderr,
      /--json and --markdown: choose one/,
    );
  });

  it('a capture that was cut off anywhere is read as far as it goes', async () => {
    const bytes = readFileSync(recorded.file);
    const file = join(recorded.folder, 'cut.pcap');
    const counts: number[] = [];
    for (let part = 1; part <= 4; part++) {
      writeFileSync(file, bytes.subarray(0, Math.floor((bytes.length * part) / 4) - 7));
      const { exitCode, stdout, stderr } = await capture(file, '--all', '--json');
      assert.equal(exitCode, 0, stderr);
      assert.match(stderr, /^.*cut\.pcap ends in the middle of a packet: what is before that was read\n$/);
      counts.push(stdout.split('\n').length - 1);
    }
    assert.deepEqual(
      counts,
      counts.toSorted((a, b) => a - b),
    );
    assert.ok((counts.at(-1) ?? 0) > 10, String(counts));
  });

  it('bytes that are broken anywhere end in an answer or an error of one line', async () => {
    const bytes = readFileSync(recorded.file);
    const file = join(recorded.folder, 'broken.pcap');
    for (let round = 0; round < 4; round++) {
      const broken = Buffer.from(bytes);
      // As a linear congruential generator goes: the same bytes in each run.
      for (let at = round * 7919 + 24; at < broken.length; at += 4_000 + round * 997) broken[at] = at % 251;
      writeFileSync(file, broken);
      const { exitCode, stderr } = await capture(file, '--all');
      assert.ok(exitCode === 0 || /^[^\n]+\n$/.test(stderr), stderr);
    }
  });

  it('what is no capture is named', async () => {
    const file = join(recorded.folder, 'notes.txt');
    writeFileSync(file, 'no capture');
    const refused = await capture(file);
    assert.equal(refused.exitCode, 2);
    assert.match(refused.stderr, /notes\.txt" isn't a capture file/);
    const missing = await capture(join(recorded.folder, 'none.pcap'));
    assert.match(missing.stderr, /none\.pcap" doesn't exist/);
  });

  function origin(): string {
    return `http://127.0.0.1:${(plain.address() as AddressInfo).port}`;
  }

  async function callGrpc(): Promise<void> {
    const client = await service.client();
    for (const kind of KINDS) {
      const held = service.hold();
      const { call, ended } = startCall(client, kind, { deadline: Date.now() + 150 });
      call.resume?.();
      await Promise.all([held, ended]);
    }
    const held = service.hold();
    const { call, ended } = startCall(client, 'serverStream');
    const atServer = await held;
    atServer.write({ text: 'in time' });
    await once(call, 'data');
    call.cancel();
    // The reset is on its way then, and has not been read.
    for (let tick = 0; tick < 5; tick++) {
      atServer.write({ text: 'too late' });
      await new Promise<void>((resolve) => process.nextTick(resolve));
    }
    await ended;
    await sendOddTimeout();
  }

  async function sendOddTimeout(): Promise<void> {
    const session = http2.connect(`http://${service.address}`);
    const stream = session.request({
      ':method': 'POST',
      ':path': '/test.Echo/odd',
      'content-type': 'application/grpc',
      'grpc-timeout': '99999999999999n',
    });
    stream
      .on('error', () => {})
      .resume()
      .end();
    await once(stream, 'close');
    session.close();
  }

  async function callHttp(): Promise<void> {
    const url = origin();
    for (const path of ['/length', '/chunks', '/close', '/nothing']) await (await fetch(url + path)).text();
    await fetch(`${url}/head`, { method: 'HEAD' });
    await (await fetch(`${url}/posted`, { method: 'POST', body: 'x'.repeat(5_000) })).text();
    const signal = AbortSignal.timeout(80);
    await fetch(`${url}/hang`, { signal, headers: { 'timeout-ms': '80' } }).catch(() => {});
    await fetch(`${url}/drop`)
      .then((answer) => answer.text())
      .catch(() => {});
  }

  async function callSecurely(): Promise<void> {
    const session = http2.connect(`https://127.0.0.1:${(secure.address() as AddressInfo).port}`, {
      rejectUnauthorized: false,
    });
    const stream = session.request({ ':path': '/secure' });
    await once(stream, 'data');
    stream.close(http2.constants.NGHTTP2_CANCEL);
    await once(stream, 'close');
    session.close();
  }
});

function answerHttp(request: http.IncomingMessage, response: http.ServerResponse): void {
  request.resume();
  const answers: Record<string, () => void> = {
    '/the-end': () => response.end(),
    '/length': () => response.end('as long as it is'),
    '/chunks': () => response.write('a', () => setTimeout(() => response.end('b'), 10)),
    '/close': () => {
      response.useChunkedEncodingByDefault = false;
      response.write('until the end');
      response.end();
    },
    '/nothing': () => response.writeHead(204).end(),
    '/head': () => response.writeHead(200, { 'content-length': '100' }).end(),
    '/posted': () => request.on('end', () => response.end('thanks')),
    '/drop': () => response.write('a', () => setTimeout(() => response.destroy(), 10)),
  };
  answers[request.url ?? '']?.();
}

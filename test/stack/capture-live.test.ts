/** `capture --live`: what is told while real calls go over loopback. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { captureTools } from '../support/packet-capture.ts';
import { capture, of, says, toldIn } from '../support/told-by-capture.ts';

const tools = captureTools();
const COMMAND = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

describe('capture --live', { skip: 'unavailable' in tools && tools.unavailable }, () => {
  const plain = http.createServer((request, response) => {
    if (request.url === '/whole') response.end('whole');
  });
  const multiplexed = http2.createServer((request, response) => {
    if (request.url === '/whole') response.end('whole');
  });
  let ports: number[];

  before(async () => {
    for (const server of [plain, multiplexed]) await once(server.listen(0, '127.0.0.1'), 'listening');
    ports = [plain, multiplexed].map((server) => (server.address() as AddressInfo).port);
  });
  after(() => {
    plain.close();
    multiplexed.close();
  });

  it('each is told once it is cut short, while the connection goes on; Ctrl-C ends with the summary', async () => {
    const live = spawn(process.execPath, [COMMAND, 'capture', '--live', '--port', ports.join(','), '--json']);
    const text = { stdout: '', stderr: '' };
    live.stdout.setEncoding('utf8').on('data', (part: string) => {
      text.stdout += part;
    });
    live.stderr.setEncoding('utf8').on('data', (part: string) => {
      text.stderr += part;
    });
    await until(live, () => text.stderr.includes('capturing on'));
    const session = http2.connect(`http://127.0.0.1:${ports[1]}`);
    try {
      await cancelOn(session);
      await fetch(`http://127.0.0.1:${ports[0]}/hang`, {
        signal: AbortSignal.timeout(80),
        headers: { 'timeout-ms': '80' },
      }).catch(() => {});
      await until(live, () => text.stdout.split('\n').length > 2);
      const told = toldIn(text.stdout);
      const reset = of(told, '/reset');
      assert.deepEqual(
        [reset.protocol, reset.cut?.how, reset.connectionEnd],
        ['HTTP/2', 'RST_STREAM', undefined],
      );
      assert.match(says(reset).join('\n'), /client: request, grpc-timeout: 5S = 5000 ms/);
      const hung = of(told, '/hang');
      assert.deepEqual([hung.protocol, hung.cut?.by, hung.limit?.timeoutMs], ['HTTP/1.1', 'client', 80]);
      live.kill('SIGINT');
      const [exitCode] = await once(live, 'close');
      assert.equal(exitCode, 0, text.stderr);
    } finally {
      session.close();
      live.kill('SIGKILL');
    }
  });

  it('--for ends by itself; what was whole is told by --all', async () => {
    const running = capture('--live', '--port', ports.join(','), '--for', '3', '--all');
    const asking = setInterval(() => void askBoth(), 300);
    const { exitCode, stdout, stderr } = await running;
    clearInterval(asking);
    assert.equal(exitCode, 0, stderr);
    assert.match(stderr, /^cancel-trace: capturing on lo, TCP port \d+, \d+; Ctrl-C ends\n$/);
    assert.match(stdout, /^GET \/whole\n {2}HTTP\/1\.1, /m);
    assert.match(stdout, /^GET \/whole\n {2}HTTP\/2 stream 1, /m);
    assert.match(stdout, /\n\d+ requests, 0 of them with something to tell\.\n$/);
  });

  it('an interface that is not there, and options that do not fit', async () => {
    const nowhere = await capture('--live', '-i', 'nowhere0', '--port', '80');
    assert.equal(nowhere.exitCode, 2);
    assert.match(nowhere.stderr, /nothing can be captured here \(dumpcap: .*\)\. Root may; .*setcap/);
    const withoutPort = await capture('--live');
    assert.match(withoutPort.stderr, /--live needs --port/);
    const fileToo = await capture('--live', 'capture.pcap', '--port', '80');
    assert.match(fileToo.stderr, /--live takes no file/);
    const withoutLive = await capture('capture.pcap', '--for', '3');
    assert.match(withoutLive.stderr, /--for is for --live/);
  });

  async function askBoth(): Promise<void> {
    await (await fetch(`http://127.0.0.1:${ports[0]}/whole`)).text();
    const session = http2.connect(`http://127.0.0.1:${ports[1]}`);
    const stream = session.request({ ':path': '/whole' }).resume();
    await once(stream, 'close');
    session.close();
  }
});

async function cancelOn(session: http2.ClientHttp2Session): Promise<void> {
  const stream = session.request({ ':path': '/reset', 'grpc-timeout': '5S' });
  await once(stream, 'ready');
  setTimeout(() => stream.close(http2.constants.NGHTTP2_CANCEL), 50);
  await once(stream, 'close');
}

async function until(child: ChildProcess, isThere: () => boolean): Promise<void> {
  const limitMs = performance.now() + 30_000;
  while (!isThere()) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`);
    if (performance.now() > limitMs) throw new Error('it did not come');
    await delay(50);
  }
}

/** Requests of net/http, undici and Node over each version of HTTP that are given up, and connections that are cut, as the wire tells of them. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Agent, fetch as fetchBy } from 'undici7';
import { findOrBuildPeer, GoCalls, GoServer, type Step } from '../support/go-peer.ts';
import { captureTools, type PacketCapture, startCapture } from '../support/packet-capture.ts';
import { says, type Told, told } from '../support/told-by-capture.ts';

const tools = captureTools();
const found = await findOrBuildPeer();
const missing = [tools, found]
  .map((part) => 'unavailable' in part && part.unavailable)
  .find((reason) => reason !== false);

type Wire = 'HTTP/1.1' | 'HTTP/2' | 'HTTP/1.1 with TLS' | 'HTTP/2 with TLS';

/** undici may give up the connection as well. */
const HOW = { RST_STREAM: /^RST_STREAM$/, 'FIN or RST': /^(FIN|RST)$/, any: /./ } as const;

/** What is told of a request, by the number in its traceparent. */
interface Expected {
  readonly title: string;
  readonly protocol: 'HTTP/1.1' | 'HTTP/2';
  /** Undefined: it is answered. */
  readonly cut: { readonly by: 'client' | 'server'; readonly how: keyof typeof HOW } | undefined;
  readonly says?: RegExp;
}

describe('capture of HTTP', { skip: missing ?? false }, () => {
  const { binary } = found as { binary: string };
  const expected: Expected[] = [];
  let server: GoServer;
  let silent: GoServer;
  let recorded: PacketCapture;
  let all: Told[];
  const lingering = createServer((socket) => {
    socket.on('error', () => {}).once('data', () => socket.resetAndDestroy());
  });
  const deaf = createServer(ignoreResets);
  const leaving = http2.createServer((request, response) => {
    response.write('some');
    request.stream.session?.goaway(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
    setTimeout(() => response.end(), 50);
  });

  before(async () => {
    // The keys of Go's own TLS are beside the capture, whose folder is known when the ports are.
    const keylog = join(tmpdir(), `keys-of-capture-${process.pid}`);
    server = await GoServer.start(binary, keylog);
    silent = await GoServer.start(binary);
    for (const one of [lingering, deaf, leaving]) await once(one.listen(0, '127.0.0.1'), 'listening');
    const go = [server.http, server.https, silent.http].map((address) => Number(address.split(':')[1]));
    recorded = await startCapture((tools as { tcpdump: string }).tcpdump, [
      ...go,
      ...[lingering, deaf, leaving].map(portOf),
    ]);
    const calls = new GoCalls(binary, stepsOfGo());
    await Promise.all([calls.ended(), callByUndici(), resetByPeer(), leave(), resetIsIgnored(), killPeer()]);
    await calls.close();
    await (await fetch(`http://${server.http}/the-end`)).text();
    await recorded.stop('GET /the-end');
    all = await told(recorded.file, '--all', '--keylog', keylog);
    rmSync(keylog, { force: true });
  });
  after(async () => {
    for (const one of [lingering, deaf, leaving]) one.close();
    recorded.remove();
    await Promise.all([server.close(), silent.close()]);
  });

  it('each is told as it was', () => {
    for (const [index, one] of expected.entries()) {
      const told = all.find(({ traceId }) => traceId === traceIdOf(index));
      assert.ok(told !== undefined, `${one.title} is not told`);
      const said = [one.title, ...says(told), ...told.remarks].join('\n');
      assert.equal(told.protocol, one.protocol, said);
      assert.equal(told.hasGap, false, said);
      if (one.cut === undefined) {
        assert.equal(told.cut, undefined, said);
        assert.notEqual(told.answerEndAtMs, undefined, said);
      } else {
        assert.equal(told.cut?.by, one.cut.by, said);
        assert.match(told.cut.how, HOW[one.cut.how], said);
      }
      if (one.says !== undefined) assert.match(said, one.says);
    }
    assert.ok(expected.length >= 25, `${expected.length} requests`);
  });

  /** @returns the headers of the request of which that is expected */
  function expecting(one: Expected): Record<string, string> {
    return { traceparent: `00-${traceIdOf(expected.push(one) - 1)}-0000000000000001-01` };
  }

  function stepsOfGo(): Step[] {
    const wires: readonly (readonly [Wire, string, boolean])[] = [
      ['HTTP/1.1', `http://${server.http}`, false],
      ['HTTP/2', `http://${server.http}`, true],
      ['HTTP/2 with TLS', `https://${server.https}`, false],
    ];
    return wires.flatMap(([wire, origin, h2c]) => {
      const protocol = wire === 'HTTP/1.1' ? 'HTTP/1.1' : 'HTTP/2';
      const left = { by: 'client', how: protocol === 'HTTP/2' ? 'RST_STREAM' : 'FIN or RST' } as const;
      const step = (
        title: string,
        path: string,
        more: Partial<Step>,
        cut: Expected['cut'],
        says?: RegExp,
      ): Step => ({
        kind: 'http',
        url: origin + path,
        h2c,
        ...more,
        metadata: {
          ...more.metadata,
          ...expecting({ title: `net/http, ${wire}: ${title}`, protocol, cut, ...(says && { says }) }),
        },
      });
      const code = protocol === 'HTTP/2' ? /client: RST_STREAM CANCEL/ : /client: closed the connection/;
      return [
        step('answered', '/', {}, undefined),
        step('context cancelled before the answer', '/wait', { leaveAt: 'sent' }, left, code),
        step('context cancelled after the headers', '/body', { leaveAt: 'headers' }, left, code),
        step('context cancelled in the body', '/body', { leaveAt: 'message' }, left, code),
        step(
          'deadline before the answer',
          '/wait',
          { timeoutMs: 1_500, metadata: { 'timeout-ms': '300' } },
          left,
          /timeout-ms: 300 = 300 ms/,
        ),
        step(
          'deadline in the body',
          '/body',
          { timeoutMs: 1_500, metadata: { 'connect-timeout-ms': '300' } },
          left,
          /connect-timeout-ms: 300 = 300 ms/,
        ),
        step('cancelled while more comes than it reads', '/flood', { leaveAt: 'message' }, left),
      ];
    });
  }

  async function callByUndici(): Promise<void> {
    const dispatcher = new Agent({ allowH2: true, connect: { rejectUnauthorized: false } });
    for (const [path, wire] of [
      ['/wait', 'before the answer'],
      ['/body', 'in the body'],
    ] as const) {
      const headers = expecting({
        title: `fetch of undici over HTTP/2, ${wire}`,
        protocol: 'HTTP/2',
        cut: { by: 'client', how: 'any' },
        says: /timeout-ms: 300 = 300 ms/,
      });
      await fetchBy(`https://${server.https}${path}`, {
        dispatcher,
        headers: { ...headers, 'timeout-ms': '300' },
        signal: AbortSignal.timeout(1_500),
      })
        .then((response) => response.text())
        .catch(() => {});
    }
    await delay(100);
    await dispatcher.destroy();
  }

  /** By SO_LINGER with no time. */
  async function resetByPeer(): Promise<void> {
    const headers = expecting({
      title: 'reset by the server',
      protocol: 'HTTP/1.1',
      cut: { by: 'server', how: 'FIN or RST' },
      says: /server: closed the connection: RST/,
    });
    await fetch(`http://127.0.0.1:${portOf(lingering)}/reset`, { headers }).catch(() => {});
  }

  async function leave(): Promise<void> {
    const session = http2.connect(`http://127.0.0.1:${portOf(leaving)}`).on('error', () => {});
    const headers = expecting({
      title: 'GOAWAY in the middle',
      protocol: 'HTTP/2',
      // Node's client closes the connection on a GOAWAY that names an error.
      cut: { by: 'client', how: 'FIN or RST' },
      says: /server: GOAWAY ENHANCE_YOUR_CALM/,
    });
    const stream = session.request({ ':path': '/goaway', ...headers }).on('error', () => {});
    stream.resume();
    await new Promise((resolve) => stream.once('close', resolve));
    session.destroy();
  }

  async function resetIsIgnored(): Promise<void> {
    const session = http2.connect(`http://127.0.0.1:${portOf(deaf)}`).on('error', () => {});
    const headers = expecting({
      title: 'a reset that the server ignores',
      protocol: 'HTTP/2',
      cut: { by: 'client', how: 'RST_STREAM' },
      says: /server: the last of 3 DATA frames after that: 30 bytes/,
    });
    const stream = session.request({ ':path': '/deaf', ...headers }).on('error', () => {});
    stream.once('data', () => stream.close(http2.constants.NGHTTP2_CANCEL));
    await new Promise((resolve) => stream.once('close', resolve));
    await delay(100);
    session.destroy();
  }

  async function killPeer(): Promise<void> {
    const headers = expecting({
      title: 'a server that is killed',
      protocol: 'HTTP/1.1',
      cut: { by: 'server', how: 'FIN or RST' },
    });
    const request = http.get(`http://${silent.http}/body`, { headers }).on('error', () => {});
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    response.on('error', () => {}).resume();
    silent.kill();
    await new Promise((resolve) => request.once('close', resolve));
  }
});

/** HTTP/2 by hand: it answers what is asked first, and sends more when that is reset. */
function ignoreResets(socket: Socket): void {
  socket.on('error', () => {});
  const data = frame(0, 0, 1, Buffer.alloc(10));
  let isAnswered = false;
  socket.on('data', (bytes) => {
    if (!isAnswered && HEADERS.some((head) => bytes.includes(head))) {
      isAnswered = true;
      // `:status: 200` by its number.
      socket.write(
        Buffer.concat([frame(4, 0, 0, Buffer.alloc(0)), frame(1, 4, 1, Buffer.from([0x88])), data]),
      );
    } else if (bytes.includes(RESET)) socket.write(Buffer.concat([data, data, data]));
  });
}

/** What HEADERS of a whole request begin with after their length, without and with a priority. */
const HEADERS = [5, 37].map((flags) => Buffer.from([1, flags, 0, 0, 0, 1]));
/** The head of RST_STREAM. */
const RESET = Buffer.from([0, 0, 4, 3, 0, 0, 0, 0, 1]);

function frame(type: number, flags: number, stream: number, body: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(body.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, body]);
}

function traceIdOf(index: number): string {
  return String(index + 1).padStart(32, '0');
}

function portOf(server: { address(): string | AddressInfo | null }): number {
  return (server.address() as AddressInfo).port;
}

/** Captures that have lost something: nothing is said of what was in it, and no call that went well is said to be cut short. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import http2, { type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type { WireExchange } from '../../src/capture/exchange.ts';
import { exchangesOf } from '../../src/capture/exchanges.ts';
import { packetsOf } from '../../src/capture/tshark.ts';
import { captureTools, type PacketCapture, startCapture } from '../support/packet-capture.ts';
import { PACKET_HEAD, type PcapFile, readPcap, tcpOf, writePcap, writePcapng } from '../support/pcap-file.ts';
import { capture, type Told, told } from '../support/told-by-capture.ts';

const tools = captureTools();

/** Of either protocol. Each loses another packet. */
const CONNECTIONS = 20;
/** Of HTTP/2; so is the time limit: 1 ms more for each. The last request is cancelled. */
const REQUESTS = 4;

describe('capture that is not whole', { skip: 'unavailable' in tools && tools.unavailable }, () => {
  const { tcpdump } = tools as { tcpdump: string };
  const plain = http.createServer(answer);
  const streams = http2.createServer(answer);
  let recorded: PacketCapture;
  let whole: PcapFile;
  let all: Told[];

  before(async () => {
    for (const server of [plain, streams]) await once(server.listen(0, '127.0.0.1'), 'listening');
    recorded = await startCapture(tcpdump, [portOf(plain), portOf(streams)]);
    for (let index = 0; index < CONNECTIONS; index++) await Promise.all([callHttp1(index), callHttp2(index)]);
    await (await fetch(`http://127.0.0.1:${portOf(plain)}/the-end`)).text();
    await recorded.stop('GET /the-end');
    whole = readPcap(readFileSync(recorded.file));
    all = await told(recorded.file, '--all');
  });
  after(() => {
    for (const server of [plain, streams]) server.close();
    recorded.remove();
  });

  it('whole, it tells of each: answered, or cancelled', () => {
    assert.equal(all.length, CONNECTIONS * (REQUESTS + 1 + HTTP1_TARGETS.length) + 1);
    for (const exchange of all) {
      assert.deepEqual(
        exchange.remarks.filter((remark) => !remark.startsWith('the connection')),
        [],
      );
      assert.equal(exchange.cut !== undefined, exchange.target.endsWith('/left'), JSON.stringify(exchange));
      if (exchange.cut === undefined)
        assert.notEqual(exchange.answerEndAtMs, undefined, JSON.stringify(exchange));
    }
  });

  it('each packet twice, it tells the same', async () => {
    const doubled = await toldWithout('doubled', (packets) => packets.flatMap((packet) => [packet, packet]));
    assert.deepEqual(doubled.map(asTold), all.map(asTold));
  });

  it('where answers were recorded before what they answer, it tells the same of HTTP/1.1, and says what of HTTP/2 tshark has not read', async () => {
    const swapped = await toldWithout(
      'swapped',
      perConnection((packets) => {
        const changed = [...packets];
        for (let index = 3; index + 1 < changed.length; index += 3) {
          const [one, other] = changed.slice(index, index + 2) as [Buffer, Buffer];
          if (tcpOf(one).sourcePort !== tcpOf(other).sourcePort) changed.splice(index, 2, other, one);
        }
        return changed;
      }),
    );
    const saidOf = (told: readonly Told[]) =>
      told.filter(({ protocol }) => protocol === 'HTTP/1.1').map(asSaid);
    assert.deepEqual(saidOf(swapped).toSorted(), saidOf(all).toSorted());
    const { stderr } = await capture(join(recorded.folder, 'swapped.pcap'));
    assert.match(
      stderr,
      /: \d+ packets of HTTP\/2 were recorded after what was sent later, .*reordercap FILE SORTED\n$/,
    );
    assert.equal((await capture(recorded.file)).stderr, '');
  });

  it('as pcapng, and compressed, it tells the same', async () => {
    const file = join(recorded.folder, 'whole.pcapng.gz');
    writeFileSync(file, gzipSync(writePcapng(whole)));
    assert.deepEqual((await told(file, '--all')).map(asTold), all.map(asTold));
  });

  for (const format of ['pcap', 'pcapng'] as const)
    it(`given to tshark in parts, as ${format}, it tells exactly the same`, async () => {
      const file = join(recorded.folder, `parts.${format}`);
      // Its last packet is cut off, and one is of no TCP.
      const [first = Buffer.alloc(0)] = whole.packets;
      const other = Buffer.from(first);
      other.writeUInt16BE(0x0806, PACKET_HEAD + 12);
      const bytes = (format === 'pcap' ? writePcap : writePcapng)({
        ...whole,
        packets: [first, other, ...whole.packets.slice(1)],
      });
      writeFileSync(file, bytes.subarray(0, -3));
      const remarks: string[] = [];
      const inParts = async (partBytes: number) => {
        const exchanges: WireExchange[] = [];
        const onCutShort = () => remarks.push('cut short');
        const onRemark = (sentence: string) => remarks.push(sentence);
        for await (const exchange of exchangesOf(packetsOf({ file, onCutShort, onRemark }, partBytes)))
          exchanges.push(exchange);
        return exchanges;
      };
      const once = await inParts(bytes.length);
      assert.ok(once.length >= all.length - 1);
      assert.deepEqual(await inParts(bytes.length * 0.6), once);
      assert.deepEqual(remarks, ['cut short', 'cut short']);
    });

  it('begun in the middle of the connections, of each at another packet', async () => {
    const part = await toldWithout(
      'begun',
      perConnection((packets, index) => packets.slice([1, 3, 6, 10, 15][index % 5])),
    );
    check(part);
    assert.ok(part.length > all.length / 4, `${part.length} of ${all.length}`);
  });

  it('without one packet or three in a row, of each connection others', async () => {
    const part = await toldWithout(
      'without',
      perConnection((packets, index) => {
        const content = packets.filter((packet) => tcpOf(packet).content.length > 0);
        const first = Math.floor(index / 2) % content.length;
        const gone = new Set(content.slice(first, first + (index % 2 === 0 ? 1 : 3)));
        return packets.filter((packet) => !gone.has(packet));
      }),
    );
    check(part);
    assert.ok(part.length > all.length / 2, `${part.length} of ${all.length}`);
    assert.ok(part.some(({ hasGap }) => hasGap));
    for (const exchange of part)
      if (exchange.cut === undefined && exchange.hasGap && exchange.answerEndAtMs === undefined)
        assert.match(exchange.remarks.join('\n'), /packets of its connection are missing from the capture/);
  });

  it('with only the first bytes of each packet, it tells what was asked, and of no end', async () => {
    const part = await toldWithout('short', (packets) => packets.map((packet) => shortened(packet, 256)));
    check(part);
    assert.ok(part.length > all.length / 4, `${part.length} of ${all.length}`);
  });

  /** What is told is right, or not told. */
  function check(part: readonly Told[]): void {
    const known = new Map(all.map((exchange) => [keyOf(exchange), exchange]));
    for (const exchange of part) {
      const text = JSON.stringify(exchange);
      const right = known.get(keyOf(exchange));
      assert.ok(right !== undefined, text);
      if (exchange.target !== '?') assert.equal(exchange.target, right.target);
      if (exchange.method !== '?') assert.equal(exchange.method, right.method);
      if (exchange.limit?.header !== undefined)
        assert.deepEqual(exchange.limitHeaders, right.limitHeaders, text);
      else if (right.limit !== undefined) assert.ok(exchange.hasUnreadHeaders, text);
      if (exchange.status !== undefined) assert.equal(exchange.status, right.status);
      if (exchange.cut !== undefined) assert.deepEqual(exchange.cut, right.cut, text);
      if (exchange.hasUnreadHeaders)
        assert.match(exchange.remarks.join('\n'), /some of its headers cannot be read/);
    }
  }

  async function toldWithout(
    name: string,
    change: (packets: readonly Buffer[]) => Buffer[],
  ): Promise<Told[]> {
    const file = join(recorded.folder, `${name}.pcap`);
    writeFileSync(file, writePcap({ ...whole, packets: change(whole.packets) }));
    return await told(file, '--all');
  }

  async function callHttp1(index: number): Promise<void> {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    for (const target of HTTP1_TARGETS) {
      const headers = { 'timeout-ms': String(5_000 + index) };
      const request = http.request({
        port: portOf(plain),
        host: '127.0.0.1',
        path: target,
        method: 'POST',
        agent,
        headers,
      });
      request.on('error', () => {}).end('x'.repeat(3_000));
      if (target.endsWith('/left')) {
        await delay(10);
        const closed = new Promise((resolve) => request.once('close', resolve));
        request.destroy();
        await closed;
        continue;
      }
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      await once(response.resume(), 'end');
    }
    agent.destroy();
  }

  async function callHttp2(index: number): Promise<void> {
    const session = http2.connect(`http://127.0.0.1:${portOf(streams)}`);
    for (let number = 0; number <= REQUESTS; number++) {
      const path = number === REQUESTS ? '/left' : `/${index}/${number}`;
      const headers = {
        ':method': 'POST',
        ':path': path,
        'grpc-timeout': `${5_000 + number}m`,
        'x-number': `${index}-${number % 2}`,
      };
      const stream = session.request(headers).on('error', () => {});
      stream.end('x'.repeat(2_000));
      stream.resume();
      if (number === REQUESTS) await delay(10).then(() => stream.close(http2.constants.NGHTTP2_CANCEL));
      await new Promise((resolve) => stream.once('close', resolve));
    }
    session.close();
    await once(session, 'close');
  }
});

const HTTP1_TARGETS = ['/long', '/chunks', '/short', '/chunks', '/left'];

function answer(
  request: IncomingMessage | Http2ServerRequest,
  either: ServerResponse | Http2ServerResponse,
): void {
  // What is used here they have in common.
  const response = either as ServerResponse;
  request.resume().on('end', () => {
    if (request.url === '/left') return;
    if (request.url !== '/chunks') response.end('y'.repeat(request.url === '/long' ? 80_000 : 300));
    else response.write('a', () => response.end('b'));
  });
}

/** Of the same connection those are in order. */
function perConnection(change: (packets: Buffer[], index: number) => Buffer[]) {
  return (packets: readonly Buffer[]): Buffer[] => {
    const byPorts = new Map<string, Buffer[]>();
    for (const packet of packets) {
      const { sourcePort, targetPort } = tcpOf(packet);
      const key = [sourcePort, targetPort].sort().join(' ');
      byPorts.set(key, [...(byPorts.get(key) ?? []), packet]);
    }
    return [...byPorts.values()].flatMap((ofOne, index) => change(ofOne, index));
  };
}

/** As `tcpdump -s` does. */
function shortened(packet: Buffer, bytes: number): Buffer {
  const short = Buffer.from(packet.subarray(0, 16 + bytes));
  short.writeUInt32LE(short.length - 16, 8);
  return short;
}

function keyOf({ client, stream, requestAtMs }: Told): string {
  return `${client} ${stream ?? requestAtMs}`;
}

function asTold({ client, target, cut, answerEndAtMs, limitHeaders }: Told): unknown {
  return [client, target, cut, answerEndAtMs, limitHeaders];
}

/** But for the times. */
function asSaid({ client, target, cut, answerEndAtMs, status, limitHeaders }: Told): string {
  return JSON.stringify([
    client,
    target,
    cut?.by,
    cut?.how,
    answerEndAtMs !== undefined,
    status,
    limitHeaders,
  ]);
}

function portOf(server: { address(): string | AddressInfo | null }): number {
  return (server.address() as AddressInfo).port;
}

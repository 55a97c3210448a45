/** Captures as strangers have them: in tunnels and VLANs, of all interfaces, cut, compressed, doubled, or none at all. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { exchangesIn } from '../../src/timeline/read-run.ts';
import { captureTools, type PacketCapture, startCapture } from '../support/packet-capture.ts';
import { PACKET_HEAD, type PcapFile, readPcap, writePcap } from '../support/pcap-file.ts';
import { capture, says, type Told, told } from '../support/told-by-capture.ts';

const tools = captureTools();
const ETHERNET = 14;

/** Of Ethernet frames. */
type Change = (frame: Buffer) => Buffer;

const isV6 = (frame: Buffer): boolean => frame.readUInt16BE(12) === 0x86dd;
const tagged =
  (type: number): Change =>
  (frame) => {
    const tag = Buffer.from([type >> 8, type & 255, 0, 100]);
    return Buffer.concat([frame.subarray(0, 12), tag, frame.subarray(12)]);
  };

/** As between two nodes of a cluster: in UDP between other addresses, RFC 7348. */
function inTunnel(frame: Buffer): Buffer {
  const udpLength = 16 + frame.length;
  const ip = Buffer.alloc(20);
  ip[0] = 0x45;
  ip.writeUInt16BE(20 + udpLength, 2);
  ip.set([64, 17], 8);
  ip.set([10, 0, 0, 1, 10, 0, 0, 2], 12);
  const udp = Buffer.alloc(16);
  udp.writeUInt16BE(50_000, 0);
  udp.writeUInt16BE(4_789, 2);
  udp.writeUInt16BE(udpLength, 4);
  udp[8] = 8;
  return Buffer.concat([frame.subarray(0, 12), Buffer.from([8, 0]), ip, udp, frame]);
}

/** Of all interfaces of Linux, by its newer head. */
function cooked(frame: Buffer): Buffer {
  const head = Buffer.alloc(20);
  head.set(frame.subarray(12, 14), 0);
  return Buffer.concat([head, frame.subarray(ETHERNET)]);
}

const bsd: Change = (frame) =>
  Buffer.concat([Buffer.from([isV6(frame) ? 30 : 2, 0, 0, 0]), frame.subarray(ETHERNET)]);

/** A router that says that it could not pass on a packet with a FIN, of which it quotes the begin. */
function unreachable(frame: Buffer): Buffer {
  const quoted = Buffer.from(frame.subarray(ETHERNET));
  const tcp = (quoted.readUInt8(0) & 15) * 4;
  quoted[tcp + 13] = 0x11;
  const ip = Buffer.alloc(20);
  ip[0] = 0x45;
  ip.writeUInt16BE(28 + quoted.length, 2);
  ip.set([64, 1], 8);
  ip.set([10, 0, 0, 1, 127, 0, 0, 1], 12);
  const icmp = Buffer.from([3, 1, 0, 0, 0, 0, 0, 0]);
  return Buffer.concat([frame.subarray(0, ETHERNET), ip, icmp, quoted]);
}

describe('captures of all kinds', { skip: 'unavailable' in tools && tools.unavailable }, () => {
  const plain = http.createServer((request, response) => {
    if (request.url !== '/left') response.end('ok');
  });
  const streams = http2.createServer();
  streams.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    if (headers[':path'] !== '/left') stream.respond({ ':status': 200 }, { endStream: true });
  });
  let recorded: PacketCapture;
  let original: PcapFile;
  let expected: string[];

  before(async () => {
    for (const server of [plain, streams]) await once(server.listen(0, '::'), 'listening');
    recorded = await startCapture((tools as { tcpdump: string }).tcpdump, [plain, streams].map(portOf));
    for (const host of ['127.0.0.1', '[::1]']) {
      await (await fetch(`http://${host}:${portOf(plain)}/`)).text();
      const signal = AbortSignal.timeout(200);
      const headers = { 'timeout-ms': '200' };
      await fetch(`http://${host}:${portOf(plain)}/left`, { signal, headers }).catch(() => {});
      const session = http2.connect(`http://${host}:${portOf(streams)}`);
      const left = session.request({ ':path': '/left', 'grpc-timeout': '200m' });
      setTimeout(() => left.close(http2.constants.NGHTTP2_CANCEL), 200);
      await once(left, 'close');
      await once(session.request({ ':path': '/ok' }).resume(), 'close');
      session.close();
    }
    await (await fetch(`http://127.0.0.1:${portOf(plain)}/the-end`)).text();
    await recorded.stop('GET /the-end');
    original = readPcap(readFileSync(recorded.file));
    expected = (await told(recorded.file, '--all')).map(summaryOf).toSorted();
    assert.equal(expected.length, 9);
    assert.equal(expected.filter((line) => line.endsWith('client RST_STREAM')).length, 2);
    assert.equal(expected.filter((line) => line.includes('[::1]')).length, 4);
  });
  after(() => {
    for (const server of [plain, streams]) server.close();
    plain.closeAllConnections();
    recorded.remove();
  });

  const written = (name: string, bytes: Buffer): string => {
    const file = join(recorded.folder, name);
    writeFileSync(file, bytes);
    return file;
  };

  for (const [name, linkType, change] of [
    ['vlan', 1, tagged(0x8100)],
    ['vlan-in-vlan', 1, (frame) => tagged(0x88a8)(tagged(0x8100)(frame))],
    ['tunnel', 1, inTunnel],
    ['any', 276, cooked],
    ['ip-alone', 101, (frame) => frame.subarray(ETHERNET)],
    ['bsd', 0, bsd],
  ] as const satisfies readonly (readonly [string, number, Change])[])
    it(`${name}: the same`, async () => {
      const file = written(
        `${name}.pcap`,
        withFrames(original, linkType, (frame) => [change(frame)]),
      );
      assert.deepEqual((await told(file, '--all')).map(summaryOf).toSorted(), expected);
    });

  it('compressed: the same', async () => {
    const file = written('compressed.pcap.gz', gzipSync(readFileSync(recorded.file)));
    assert.deepEqual((await told(file, '--all')).map(summaryOf).toSorted(), expected);
  });

  it('seen twice, once more when the connection is over: told once', async () => {
    const { head, packets } = original;
    const file = written('twice.pcap', writePcap({ head, packets: [...packets, ...packets] }));
    assert.deepEqual((await told(file, '--all')).map(summaryOf).toSorted(), expected);
  });

  it('captured on both hosts, and put into one file: told once, as it was seen first', async () => {
    const { head, packets } = original;
    const at = (packet: Buffer) => packet.readUInt32LE(0) * 1e6 + packet.readUInt32LE(4);
    const later = packets.map((packet) => {
      const copy = Buffer.from(packet);
      const micros = at(packet) + 300;
      copy.writeUInt32LE(Math.floor(micros / 1e6), 0);
      copy.writeUInt32LE(micros % 1e6, 4);
      return copy;
    });
    const merged = [...packets, ...later].toSorted((one, other) => at(one) - at(other));
    const file = written('merged.pcap', writePcap({ head, packets: merged }));
    const withTimes = async (name: string) =>
      (await told(name, '--all'))
        .map((exchange) => [summaryOf(exchange), ...says(exchange)].join('\n'))
        .toSorted();
    assert.deepEqual(await withTimes(file), await withTimes(recorded.file));
  });

  it('what a message of ICMP quotes is no packet of the connection', async () => {
    const bytes = withFrames(original, 1, (frame) => (isV6(frame) ? [frame] : [frame, unreachable(frame)]));
    const file = written('icmp.pcap', bytes);
    assert.deepEqual((await told(file, '--all')).map(summaryOf).toSorted(), expected);
  });

  it('packets that were captured in part: how many, and what to do', async () => {
    const { head, packets } = original;
    const cut = packets.map((packet) => {
      const short = Buffer.from(packet.subarray(0, PACKET_HEAD + 96));
      short.writeUInt32LE(short.length - PACKET_HEAD, 8);
      return short;
    });
    const file = written('short.pcap', writePcap({ head, packets: cut }));
    const leftOut: string[] = [];
    const onLeftOut = (what: string) => void leftOut.push(what);
    await exchangesIn(file, [], { keylog: undefined, areAll: true }, { onLeftOut });
    assert.match(leftOut.join('\n'), /^the rest of \d+ packets that were captured in part only$/);
    const { exitCode, stderr } = await capture(file, '--all');
    assert.equal(exitCode, 0, stderr);
    assert.match(
      stderr,
      /short\.pcap: \d+ packets were captured in part only: .* tcpdump -s 0 captures them whole\n/,
    );
  });

  it('a pipe: that it has to be a file, and of several, how to make one of them', async () => {
    const pipe = join(recorded.folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const piped = await capture(pipe);
    assert.equal(piped.exitCode, 2);
    assert.match(
      piped.stderr,
      /pipe: a pipe, but a capture is read more than once: write it to a file first/,
    );
    const several = await capture(recorded.file, recorded.file);
    assert.equal(several.exitCode, 2);
    assert.match(several.stderr, /takes one file, .*\. mergecap -w ALL FILE FILE makes one of them/);
  });

  for (const [name, bytes, said] of [
    ['empty.pcap', '', /empty\.pcap: no TCP packet with content in it\. A capture is what tcpdump, /],
    ['spans.jsonl', '{"resourceSpans":[]}\n', /spans\.jsonl: no TCP packet with content in it\. /],
    [
      'screen.txt',
      '12:00:01 IP localhost > localhost: Flags [S]\n',
      /screen\.txt" isn't a capture file .* by -w FILE/,
    ],
  ] as const)
    it(`${name} is none: what is one`, async () => {
      const { exitCode, stdout, stderr } = await capture(written(name, Buffer.from(bytes)));
      assert.deepEqual([exitCode, stdout], [2, '']);
      assert.match(stderr, said);
    });
});

function summaryOf({ protocol, client, server, target, status, limitHeaders, cut }: Told): string {
  return [protocol, client, server, target, status, limitHeaders, cut?.by, cut?.how].join(' ');
}

function withFrames(
  { head, packets }: PcapFile,
  linkType: number,
  change: (frame: Buffer) => readonly Buffer[],
): Buffer {
  const newHead = Buffer.from(head);
  newHead.writeUInt32LE(linkType, 20);
  const changed = packets.flatMap((packet) =>
    change(packet.subarray(PACKET_HEAD)).map((frame) => {
      const packetHead = Buffer.from(packet.subarray(0, PACKET_HEAD));
      packetHead.writeUInt32LE(frame.length, 8);
      packetHead.writeUInt32LE(frame.length, 12);
      return Buffer.concat([packetHead, frame]);
    }),
  );
  return writePcap({ head: newHead, packets: changed });
}

function portOf(server: { address(): string | AddressInfo | null }): number {
  return (server.address() as AddressInfo).port;
}

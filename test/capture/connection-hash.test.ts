/** A packet is of the same connection in either direction, whatever carries it; by the layouts of RFC 791, RFC 8200 and tcpdump.org/linktypes.html. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConnectionHash } from '../../src/capture/connection-hash.ts';

const [FIRST, SECOND] = [Buffer.from([10, 0, 0, 1]), Buffer.from([10, 0, 0, 2])];
const [CLIENT, SERVER] = [40_000, 8_080];
const TCP = 6;

const u16 = (...numbers: number[]): Buffer => {
  const bytes = Buffer.alloc(numbers.length * 2);
  numbers.forEach((number, index) => void bytes.writeUInt16BE(number, index * 2));
  return bytes;
};
const tcp = (from: number, to: number) => Buffer.concat([u16(from, to), Buffer.alloc(16)]);

function v4(
  from: Buffer,
  to: Buffer,
  content: Buffer,
  { fragment = 0, protocol = TCP, words = 5 } = {},
): Buffer {
  const head = Buffer.alloc(12);
  head[0] = 0x40 | words;
  head.writeUInt16BE(7, 4);
  head.writeUInt16BE(fragment, 6);
  head[9] = protocol;
  return Buffer.concat([head, from, to, Buffer.alloc(words * 4 - 20), content]);
}

function v6(from: Buffer, to: Buffer, content: Buffer, next = TCP): Buffer {
  const head = Buffer.alloc(8);
  head[0] = 0x60;
  head[6] = next;
  return Buffer.concat([head, Buffer.alloc(12), from, Buffer.alloc(12), to, content]);
}

const there = [FIRST, SECOND, tcp(CLIENT, SERVER)] as const;
const back = [SECOND, FIRST, tcp(SERVER, CLIENT)] as const;
const ethernet = (type: number, ip: Buffer) => [Buffer.alloc(12), u16(type), ip];
const hashOf = (linkType: number, parts: readonly Buffer[]) =>
  new ConnectionHash().of({ linkType, content: Buffer.concat(parts) });

describe('to which connection a packet belongs', () => {
  const carriers: readonly [string, number, (ip: Buffer) => Buffer[]][] = [
    ['Ethernet', 1, (ip) => ethernet(0x0800, ip)],
    ['two VLANs', 1, (ip) => ethernet(0x88a8, Buffer.concat([u16(5, 0x8100, 6, 0x0800), ip]))],
    ['nothing', 101, (ip) => [ip]],
    ['loopback of macOS', 0, (ip) => [Buffer.from([2, 0, 0, 0]), ip]],
    ['all interfaces', 113, (ip) => [Buffer.alloc(14), u16(0x0800), ip]],
    ['all interfaces, as they are now', 276, (ip) => [u16(0x0800), Buffer.alloc(18), ip]],
  ];
  for (const [name, linkType, carry] of carriers)
    it(`carried by ${name}`, () => {
      const hash = hashOf(101, [v4(...there)]);
      assert.notEqual(hash, undefined);
      assert.equal(hashOf(linkType, carry(v4(...there))), hash);
      assert.equal(hashOf(linkType, carry(v4(...back, { words: 7 }))), hash);
    });

  it('of IPv6, after other heads', () => {
    const options = (next: number, content: Buffer) =>
      Buffer.concat([Buffer.from([next, 1]), Buffer.alloc(14), content]);
    const hash = hashOf(1, ethernet(0x86dd, v6(...there)));
    assert.notEqual(hash, undefined);
    assert.equal(hashOf(1, ethernet(0x86dd, v6(SECOND, FIRST, options(60, options(TCP, back[2])), 0))), hash);
  });

  it('another port or address is another connection', () => {
    const hashes = [SERVER, SERVER + 1, SERVER + 2].flatMap((port) =>
      [SECOND, FIRST].map((to) => hashOf(101, [v4(FIRST, to, tcp(CLIENT, port))])),
    );
    assert.equal(new Set(hashes).size, 6);
  });

  it('a fragment is where its first one is; without that it is counted', () => {
    const hashes = new ConnectionHash();
    const of = (content: Buffer) => hashes.of({ linkType: 101, content });
    const rest = v4(FIRST, SECOND, Buffer.alloc(40, 'x'), { fragment: 100 });
    assert.equal(of(rest), undefined);
    assert.equal(hashes.lostFragments, 1);
    const whole = of(v4(...there));
    assert.equal(of(v4(...there, { fragment: 0x2000 })), whole);
    assert.equal(of(rest), whole);
    const ofV6 = of(v6(...there));
    const head = (offset: number) => Buffer.concat([Buffer.from([TCP, 0]), u16(offset | 1, 0, 9)]);
    assert.equal(of(v6(FIRST, SECOND, Buffer.concat([head(0), there[2]]), 44)), ofV6);
    assert.equal(of(v6(FIRST, SECOND, Buffer.concat([head(800), Buffer.alloc(20, 'x')]), 44)), ofV6);
    assert.equal(hashes.lostFragments, 1);
  });

  it('what is no TCP, cut off, or of an unknown link is of none', () => {
    const ip = v4(...there);
    assert.equal(hashOf(101, [v4(FIRST, SECOND, there[2], { protocol: 17 })]), undefined);
    assert.equal(hashOf(1, ethernet(0x0806, ip)), undefined);
    assert.equal(hashOf(147, [ip]), undefined);
    for (let length = 0; length < 24; length++)
      assert.equal(hashOf(101, [ip.subarray(0, length)]), undefined);
    assert.notEqual(hashOf(101, [ip.subarray(0, 24)]), undefined);
    for (let length = 0; length < 38; length++)
      assert.equal(hashOf(1, [Buffer.concat(ethernet(0x0800, ip)).subarray(0, length)]), undefined);
  });
});

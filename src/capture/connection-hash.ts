/** To which connection of TCP a packet belongs, as a number that both of its directions have. */
import type { CapturedPacket } from './capture-records.ts';

/** Where the type of what follows is, and where that begins: bytes, by the type of the link. */
const LINKS: Readonly<Record<number, { readonly typeAt: number | undefined; readonly ipAt: number }>> = {
  0: { typeAt: undefined, ipAt: 4 }, // loopback of BSD and macOS
  1: { typeAt: 12, ipAt: 14 }, // Ethernet
  12: { typeAt: undefined, ipAt: 0 },
  14: { typeAt: undefined, ipAt: 0 },
  101: { typeAt: undefined, ipAt: 0 },
  108: { typeAt: undefined, ipAt: 4 },
  113: { typeAt: 14, ipAt: 16 }, // all interfaces of Linux
  228: { typeAt: undefined, ipAt: 0 },
  229: { typeAt: undefined, ipAt: 0 },
  276: { typeAt: 0, ipAt: 20 },
};
const VLAN = [0x8100, 0x88a8, 0x9100];
const TCP = 6;
const FRAGMENT = 44;
/** Of IPv6, heads that may be before that of TCP: options, routing. */
const BEFORE_TCP = [0, 43, FRAGMENT, 60];
/** Fragments of one packet come one after the other. */
const MAX_FRAGMENTED = 1_000;

interface Segment {
  /** Where its head of TCP begins. */
  readonly at: number;
  /** What all fragments of a packet have, and no other packet. */
  readonly fragmentOf: string | undefined;
  /** Its ports are in the first fragment. */
  readonly hasPorts: boolean;
  readonly ends: readonly [from: Buffer, to: Buffer];
}

export class ConnectionHash {
  /** Of packets that were fragmented, the latest ones. */
  readonly #fragmented = new Map<string, number>();
  /** Fragments whose first one has not come before them. */
  lostFragments = 0;

  /** @returns 32 bits; undefined: it is of another protocol, or within one */
  of(packet: CapturedPacket): number | undefined {
    const segment = segmentIn(packet);
    if (segment === undefined) return undefined;
    const { at, fragmentOf, hasPorts, ends } = segment;
    if (!hasPorts) {
      const hash = this.#fragmented.get(fragmentOf ?? '');
      if (hash === undefined) this.lostFragments++;
      return hash;
    }
    const { content } = packet;
    if (content.length < at + 4) return undefined;
    const [from, to] = ends;
    const one = hashOf(from, content.subarray(at, at + 2));
    const hash = mixed(one + hashOf(to, content.subarray(at + 2, at + 4)));
    if (fragmentOf !== undefined) this.#remember(fragmentOf, hash);
    return hash;
  }

  #remember(fragmentOf: string, hash: number): void {
    this.#fragmented.delete(fragmentOf);
    this.#fragmented.set(fragmentOf, hash);
    const [oldest] = this.#fragmented.keys();
    if (this.#fragmented.size > MAX_FRAGMENTED && oldest !== undefined) this.#fragmented.delete(oldest);
  }
}

function segmentIn({ linkType, content }: CapturedPacket): Segment | undefined {
  const link = LINKS[linkType];
  if (link === undefined) return undefined;
  let { typeAt, ipAt } = link;
  while (typeAt !== undefined && typeAt + 2 <= content.length && VLAN.includes(content.readUInt16BE(typeAt)))
    [typeAt, ipAt] = [ipAt + 2, ipAt + 4];
  const type = typeAt === undefined || typeAt + 2 > content.length ? undefined : content.readUInt16BE(typeAt);
  const version = (content[ipAt] ?? 0) >> 4;
  if (version === 4 && (type ?? 0x0800) === 0x0800) return segmentInV4(content, ipAt);
  return version === 6 && (type ?? 0x86dd) === 0x86dd ? segmentInV6(content, ipAt) : undefined;
}

function segmentInV4(content: Buffer, ipAt: number): Segment | undefined {
  if (content.length < ipAt + 20 || content[ipAt + 9] !== TCP) return undefined;
  const at = ipAt + ((content[ipAt] ?? 0) & 15) * 4;
  const addresses = content.subarray(ipAt + 12, ipAt + 20);
  // Where it is in its packet, and whether more follows.
  const fragment = content.readUInt16BE(ipAt + 6) & 0x3fff;
  const id = content.subarray(ipAt + 4, ipAt + 6);
  return segment(at, addresses, fragment === 0 ? undefined : id, (fragment & 0x1fff) === 0);
}

function segmentInV6(content: Buffer, ipAt: number): Segment | undefined {
  if (content.length < ipAt + 40) return undefined;
  const addresses = content.subarray(ipAt + 8, ipAt + 40);
  let next = content[ipAt + 6];
  let at = ipAt + 40;
  let id: Buffer | undefined;
  let hasPorts = true;
  while (next !== TCP) {
    if (!BEFORE_TCP.includes(next ?? -1) || content.length < at + 8) return undefined;
    const isFragment = next === FRAGMENT;
    if (isFragment) {
      id = content.subarray(at + 4, at + 8);
      hasPorts = content.readUInt16BE(at + 2) < 8;
    }
    next = content[at];
    at += isFragment ? 8 : ((content[at + 1] ?? 0) + 1) * 8;
  }
  return segment(at, addresses, id, hasPorts);
}

function segment(at: number, addresses: Buffer, id: Buffer | undefined, hasPorts: boolean): Segment {
  const half = addresses.length / 2;
  return {
    at,
    fragmentOf: id && Buffer.concat([addresses, id]).toString('latin1'),
    hasPorts,
    ends: [addresses.subarray(0, half), addresses.subarray(half)],
  };
}

function hashOf(address: Buffer, port: Buffer): number {
  let hash = 0x811c9dc5;
  for (const byte of address) hash = Math.imul(hash ^ byte, 0x01000193);
  for (const byte of port) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash;
}

function mixed(sum: number): number {
  let hash = sum | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** A capture of tcpdump as its packets, so that a test can take some away, double or change them: draft-ietf-opsawg-pcap. */

export interface PcapFile {
  readonly head: Buffer;
  /** Each with its own head. */
  readonly packets: readonly Buffer[];
}

const HEAD = 24;
export const PACKET_HEAD = 16;

/** @param bytes little-endian, as tcpdump writes on the machines of our tests */
export function readPcap(bytes: Buffer): PcapFile {
  const packets: Buffer[] = [];
  for (let at = HEAD; at < bytes.length; ) {
    const end = at + PACKET_HEAD + bytes.readUInt32LE(at + 8);
    packets.push(bytes.subarray(at, end));
    at = end;
  }
  return { head: bytes.subarray(0, HEAD), packets };
}

export function writePcap({ head, packets }: PcapFile): Buffer {
  return Buffer.concat([head, ...packets]);
}

/** The same in the newer format: a section, an interface, a block for each packet. */
export function writePcapng({ head, packets }: PcapFile): Buffer {
  const section = Buffer.alloc(16);
  section.writeUInt32LE(0x1a2b3c4d, 0);
  section.writeUInt16LE(1, 4);
  section.fill(0xff, 8);
  const lan = Buffer.alloc(8);
  lan.writeUInt16LE(head.readUInt32LE(20), 0);
  return Buffer.concat([block(0x0a0d0d0a, section), block(1, lan), ...packets.map(packetBlock)]);
}

function packetBlock(packet: Buffer): Buffer {
  const content = Buffer.alloc(20);
  const micros = BigInt(packet.readUInt32LE(0)) * 1_000_000n + BigInt(packet.readUInt32LE(4));
  content.writeUInt32LE(Number(micros >> 32n), 4);
  content.writeUInt32LE(Number(micros & 0xffff_ffffn), 8);
  content.writeUInt32LE(packet.readUInt32LE(8), 12);
  content.writeUInt32LE(packet.readUInt32LE(12), 16);
  return block(6, Buffer.concat([content, packet.subarray(PACKET_HEAD)]));
}

function block(type: number, content: Buffer): Buffer {
  const padded = Math.ceil(content.length / 4) * 4;
  const bytes = Buffer.alloc(padded + 12);
  bytes.writeUInt32LE(type, 0);
  bytes.writeUInt32LE(bytes.length, 4);
  content.copy(bytes, 8);
  bytes.writeUInt32LE(bytes.length, bytes.length - 4);
  return bytes;
}

/** Of IPv4 over Ethernet, as loopback is captured. */
export function tcpOf(packet: Buffer): {
  sourcePort: number;
  targetPort: number;
  content: Buffer;
  isFirst: boolean;
} {
  const ip = PACKET_HEAD + 14;
  const tcp = ip + (packet.readUInt8(ip) & 15) * 4;
  return {
    sourcePort: packet.readUInt16BE(tcp),
    targetPort: packet.readUInt16BE(tcp + 2),
    content: packet.subarray(tcp + (packet.readUInt8(tcp + 12) >> 4) * 4, ip + packet.readUInt16BE(ip + 2)),
    isFirst: (packet.readUInt8(tcp + 13) & 2) !== 0,
  };
}

/** A capture as its records, while it is read: pcap (draft-ietf-opsawg-pcap) and pcapng (draft-ietf-opsawg-pcapng). */

export interface CaptureRecord {
  readonly bytes: Buffer;
  /** Undefined: it is none, but says how those after it are to be read. */
  readonly packet: CapturedPacket | undefined;
}

export interface CapturedPacket {
  /** What it begins with, by the numbers of tcpdump.org/linktypes.html. */
  readonly linkType: number;
  readonly content: Buffer;
}

/** It is another format, compressed, or damaged. */
export class UnknownFormat extends Error {}

interface Format {
  readonly headBytes: number;
  /** @returns bytes of the record that begins so */
  sizeOf(head: Buffer): number;
  packetIn(record: Buffer): CapturedPacket | undefined;
}

const MIB = 2 ** 20;

export class CaptureRecords {
  #format: Format | undefined;
  #rest: Buffer = Buffer.alloc(0);

  /** It does not end in the middle of a record. */
  get isWhole(): boolean {
    return this.#rest.length === 0;
  }

  /** @throws {UnknownFormat} */
  *take(chunk: Buffer): Generator<CaptureRecord> {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    if (this.#format === undefined && bytes.length >= PCAP_HEAD) {
      this.#format = bytes.readUInt32LE(0) === SECTION ? new Pcapng() : new Pcap(bytes);
      if (this.#format instanceof Pcap) {
        at = PCAP_HEAD;
        yield { bytes: bytes.subarray(0, at), packet: undefined };
      }
    }
    const format = this.#format;
    while (format !== undefined && at + format.headBytes <= bytes.length) {
      const size = format.sizeOf(bytes.subarray(at, at + format.headBytes));
      if (at + size > bytes.length) break;
      const record = bytes.subarray(at, at + size);
      yield { bytes: record, packet: format.packetIn(record) };
      at += size;
    }
    this.#rest = bytes.subarray(at);
  }
}

const PCAP_HEAD = 24;
/** With times in µs and in ns. */
const PCAP_MAGIC = [0xa1b2c3d4, 0xa1b23c4d];
/** No packet is longer; tshark takes none that is. */
const MAX_PACKET = MIB / 4;

class Pcap implements Format {
  readonly headBytes = 16;
  readonly #isLittle: boolean;
  readonly #linkType: number;

  constructor(head: Buffer) {
    this.#isLittle = PCAP_MAGIC.includes(head.readUInt32LE(0));
    if (!this.#isLittle && !PCAP_MAGIC.includes(head.readUInt32BE(0))) throw new UnknownFormat();
    // Above it is how long the checksum is.
    this.#linkType = uint32(head, 20, this.#isLittle) & 0xffff;
  }

  sizeOf(head: Buffer): number {
    const length = uint32(head, 8, this.#isLittle);
    if (length > MAX_PACKET) throw new UnknownFormat();
    return this.headBytes + length;
  }

  packetIn(record: Buffer): CapturedPacket {
    return { linkType: this.#linkType, content: record.subarray(this.headBytes) };
  }
}

const SECTION = 0x0a0d0d0a;
const INTERFACE = 1;
const [OLD_PACKET, SIMPLE_PACKET, PACKET] = [2, 3, 6];
/** Names, statistics, keys of TLS. Others may count as packets. */
const BESIDE_PACKETS = [4, 5, 10];
const MAX_BLOCK = 16 * MIB;
/** Bytes of a block. */
const LEAST: Readonly<Record<number, number>> = {
  [SECTION]: 28,
  [INTERFACE]: 20,
  [OLD_PACKET]: 32,
  [SIMPLE_PACKET]: 16,
  [PACKET]: 32,
};

class Pcapng implements Format {
  // That of a section says in which order the bytes of its numbers are.
  readonly headBytes = 12;
  #isLittle = true;
  /** Of the interfaces of this section. */
  #linkTypes: number[] = [];

  sizeOf(head: Buffer): number {
    if (head.readUInt32LE(0) === SECTION) this.#isLittle = head.readUInt32LE(8) === 0x1a2b3c4d;
    const size = uint32(head, 4, this.#isLittle);
    if (size < 12 || size % 4 !== 0 || size > MAX_BLOCK) throw new UnknownFormat();
    return size;
  }

  packetIn(block: Buffer): CapturedPacket | undefined {
    const type = uint32(block, 0, this.#isLittle);
    if (block.length < (LEAST[type] ?? 12)) throw new UnknownFormat();
    if (type === SECTION) {
      this.#linkTypes = [];
      // How long it is changes when packets are taken out of it: all ones is unknown.
      block.fill(0xff, 16, 24);
    } else if (type === INTERFACE) this.#linkTypes.push(uint16(block, 8, this.#isLittle));
    else if (type === PACKET || type === OLD_PACKET) {
      const number = type === PACKET ? uint32(block, 8, this.#isLittle) : uint16(block, 8, this.#isLittle);
      return this.#packet(number, block.subarray(28, 28 + uint32(block, 20, this.#isLittle)));
    } else if (type === SIMPLE_PACKET) return this.#packet(0, block.subarray(12, -4));
    else if (!BESIDE_PACKETS.includes(type)) throw new UnknownFormat();
    return undefined;
  }

  #packet(number: number, content: Buffer): CapturedPacket {
    const linkType = this.#linkTypes[number];
    if (linkType === undefined) throw new UnknownFormat();
    return { linkType, content };
  }
}

function uint32(bytes: Buffer, at: number, isLittle: boolean): number {
  return isLittle ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
}

function uint16(bytes: Buffer, at: number, isLittle: boolean): number {
  return isLittle ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at);
}

/**
 * A large capture as several smaller ones, each with all that some of its connections say. tshark, which keeps something of each packet it has read,
 * is given one after the other, and what it has decoded is put together again in the order of the capture.
 */
import { createReadStream } from 'node:fs';
import { type FileHandle, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { openNameless } from '../spans/nameless-files.ts';
import { BufferedFile } from './buffered-file.ts';
import { CaptureRecords, UnknownFormat } from './capture-records.ts';
import { ConnectionHash } from './connection-hash.ts';
import type { Packet } from './packet.ts';
import { PacketSpool } from './packet-spool.ts';

export const PART_BYTES: number = 64 * 2 ** 20;
/** Each is open three times. */
const MAX_PARTS = 64;
/** What is no TCP that is known here is a part of its own: it may be within another protocol. */
const OTHERS = 0;

export class CaptureParts {
  readonly #parts: readonly FileHandle[][];
  /** The part of each packet, a byte. */
  readonly #order: BufferedFile;
  readonly #files: readonly FileHandle[];
  /** Of each part, how many. */
  readonly #packets: number[];
  isWhole = true;

  private constructor(files: readonly FileHandle[][]) {
    const [[order] = [], ...parts] = files;
    this.#order = new BufferedFile(order as FileHandle);
    this.#parts = parts;
    this.#packets = parts.map(() => 0);
    this.#files = files.flat();
  }

  /** @returns undefined: it is small, or cannot be split */
  static async of(
    file: string,
    partBytes: number,
    onRemark: (sentence: string) => void = () => {},
  ): Promise<CaptureParts | undefined> {
    const { size = 0 } = await stat(file).catch(() => ({ size: 0 }));
    if (size <= partBytes) return undefined;
    const count = Math.min(MAX_PARTS, 1 + Math.ceil(size / partBytes));
    let parts: CaptureParts | undefined;
    try {
      parts = new CaptureParts(await openNameless(1 + count, 2));
      const lost = await parts.#fill(file);
      if (lost > 0)
        onRemark(
          `${lost} fragments of IP packets came before the first one of theirs: apart from their connection`,
        );
      return parts;
    } catch (error) {
      await parts?.close();
      const why =
        error instanceof UnknownFormat
          ? 'compressed, or no pcap or pcapng as it should be'
          : `${tmpdir()}: ${(error as Error).message}`;
      onRemark(`read at once, which takes as much memory as it is large, since it cannot be split (${why})`);
      return undefined;
    }
  }

  /** Each to be read once from where it is. */
  get forFirstReading(): readonly FileHandle[] {
    return this.#parts.flatMap(([first], index) => (this.#packets[index] === 0 ? [] : [first as FileHandle]));
  }

  /** @returns fragments of which it is not known where they belong */
  async #fill(file: string): Promise<number> {
    const records = new CaptureRecords();
    const hashes = new ConnectionHash();
    const parts = this.#parts.map(([first]) => new BufferedFile(first as FileHandle));
    const full = new Set<BufferedFile>();
    for await (const chunk of createReadStream(file, { highWaterMark: 2 ** 20 })) {
      for (const { bytes, packet } of records.take(chunk)) {
        if (packet === undefined) {
          for (const part of parts) if (part.add(bytes)) full.add(part);
          continue;
        }
        const hash = hashes.of(packet);
        const index = hash === undefined ? OTHERS : 1 + (hash % (parts.length - 1));
        this.#packets[index] = (this.#packets[index] ?? 0) + 1;
        if (parts[index]?.add(bytes)) full.add(parts[index]);
        if (this.#order.add(Buffer.of(index))) full.add(this.#order);
      }
      for (const part of full) await part.write();
      full.clear();
    }
    for (const part of [...parts, this.#order]) await part.write();
    this.isWhole = records.isWhole;
    return hashes.lostFragments;
  }

  /** @param decode to be called with one part after the other */
  async *joined(decode: (part: FileHandle) => AsyncIterable<Packet>): AsyncGenerator<Packet> {
    const spools = await PacketSpool.open(this.#parts.length);
    try {
      for (const [index, [first, second]] of this.#parts.entries()) {
        if (this.#packets[index] !== 0) await spools[index]?.fill(decode(second as FileHandle));
        // Its room is given back.
        await Promise.all([first, second].map(async (handle) => await handle?.close()));
      }
      yield* inOrder(this.#order.read(), spools);
    } finally {
      for (const spool of spools) await spool.close();
    }
  }

  async close(): Promise<void> {
    for (const file of this.#files) await file.close().catch(() => {});
  }
}

async function* inOrder(
  order: AsyncIterable<Buffer>,
  spools: readonly PacketSpool[],
): AsyncGenerator<Packet> {
  const read = spools.map(() => 0);
  const numbers: number[][] = spools.map(() => []);
  let number = 0;
  let connections = 0;
  for (const spool of spools) await spool.next();
  for await (const chunk of order)
    for (const part of chunk) {
      number++;
      const readOfPart = (read[part] ?? 0) + 1;
      read[part] = readOfPart;
      const spool = spools[part];
      const packet = spool?.head;
      if (packet?.number !== readOfPart) continue;
      await spool?.next();
      const ofPart = numbers[part] ?? [];
      const connection = ofPart[packet.connection] ?? connections++;
      ofPart[packet.connection] = connection;
      // Others are the first of their connection, and say nothing.
      if (packet.length > 0 || packet.isFin || packet.isReset) yield { ...packet, number, connection };
    }
}

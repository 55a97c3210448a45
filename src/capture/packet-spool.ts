/** Decoded packets in a file that has no name, in their order. */
import type { FileHandle } from 'node:fs/promises';
import { deserialize, serialize } from 'node:v8';
import { openNameless, writingTemporary } from '../spans/nameless-files.ts';
import { BufferedFile } from './buffered-file.ts';
import type { Packet } from './packet.ts';

/** Bytes of a number that says how long a packet is. */
const LENGTH = 4;
const NOTHING: Buffer = Buffer.alloc(0);

export class PacketSpool {
  readonly #handle: FileHandle;
  readonly #file: BufferedFile;
  #packets: AsyncGenerator<Packet> | undefined;
  /** Of those to come. */
  head: Packet | undefined;

  private constructor(handle: FileHandle) {
    this.#handle = handle;
    this.#file = new BufferedFile(handle);
  }

  static async open(count: number): Promise<PacketSpool[]> {
    const files = await writing(async () => await openNameless(count));
    return files.flat().map((handle) => new PacketSpool(handle));
  }

  async fill(packets: AsyncIterable<Packet>): Promise<void> {
    for await (const packet of packets) {
      // Of HTTP/2, the frames are what counts.
      const content = packet.frames.length > 0 ? NOTHING : packet.content;
      const bytes = serialize({ ...packet, content });
      const length = Buffer.alloc(LENGTH);
      length.writeUInt32LE(bytes.length);
      this.#file.add(length);
      if (this.#file.add(bytes)) await writing(async () => await this.#file.write());
    }
    await writing(async () => await this.#file.write());
  }

  /** The next one, if there is one, is the `head`. */
  async next(): Promise<void> {
    this.#packets ??= packetsIn(this.#file.read());
    const { value } = await this.#packets.next();
    this.head = value ?? undefined;
  }

  async close(): Promise<void> {
    await this.#packets?.return(undefined);
    await this.#handle.close().catch(() => {});
  }
}

async function* packetsIn(chunks: AsyncIterable<Buffer>): AsyncGenerator<Packet> {
  let rest: Buffer = NOTHING;
  for await (const chunk of chunks) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= LENGTH) {
      const end = LENGTH + rest.readUInt32LE(0);
      if (end > rest.length) break;
      yield deserialize(rest.subarray(LENGTH, end));
      rest = rest.subarray(end);
    }
  }
}

async function writing<T>(write: () => Promise<T>): Promise<T> {
  return await writingTemporary('a large capture is split there, and takes as much room again', write);
}

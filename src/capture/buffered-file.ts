/** A file that is written in large pieces, and read from its begin by handles that have not been used. */
import type { FileHandle } from 'node:fs/promises';

const BUFFERED = 64 * 2 ** 10;

export class BufferedFile {
  readonly #file: FileHandle;
  #buffer = Buffer.allocUnsafe(BUFFERED * 2);
  #length = 0;
  #writtenBytes = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** @returns whether it is time to `write()` */
  add(piece: Uint8Array): boolean {
    const length = this.#length + piece.length;
    if (length > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(length * 2);
      this.#buffer.copy(larger, 0, 0, this.#length);
      this.#buffer = larger;
    }
    this.#buffer.set(piece, this.#length);
    this.#length = length;
    return length >= BUFFERED;
  }

  async write(): Promise<void> {
    for (let at = 0; at < this.#length; ) {
      const { bytesWritten } = await this.#file.write(
        this.#buffer,
        at,
        this.#length - at,
        this.#writtenBytes,
      );
      this.#writtenBytes += bytesWritten;
      at += bytesWritten;
    }
    this.#length = 0;
  }

  read(): AsyncIterable<Buffer> {
    return this.#file.createReadStream({ start: 0, autoClose: false, highWaterMark: BUFFERED });
  }
}

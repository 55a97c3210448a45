/** A connection of HTTP/2 whose incoming frames are looked at: Node's own session hides those of a stream that was reset. */
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

export interface Frame {
  readonly type: number;
  readonly streamId: number;
  /** Of the payload. */
  readonly bytes: number;
  /** Of DATA and HEADERS: nothing more follows. */
  readonly isLast: boolean;
}

export const DATA = 0;
export const HEADERS = 1;
export const RST_STREAM = 3;
export const GOAWAY = 7;

/** RFC 9113, section 4.1. */
const HEAD_LENGTH = 9;
const END_STREAM = 0x1;

export class FrameTap extends Duplex {
  readonly #socket: Socket;
  readonly #onFrame: (frame: Frame) => void;
  #head = Buffer.alloc(0);
  /** Of the payload, still to come. */
  #skip = 0;

  constructor(socket: Socket, onFrame: (frame: Frame) => void) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    this.#onFrame = onFrame;
    socket.on('data', (chunk: Buffer) => {
      this.#look(chunk);
      if (!this.push(chunk)) socket.pause();
    });
    socket.on('end', () => this.push(null));
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.destroy());
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done);
  }

  override _final(done: () => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }

  #look(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0) {
      const skipped = Math.min(this.#skip, rest.length);
      this.#skip -= skipped;
      rest = rest.subarray(skipped);
      const missing = HEAD_LENGTH - this.#head.length;
      this.#head = Buffer.concat([this.#head, rest.subarray(0, missing)]);
      rest = rest.subarray(missing);
      if (this.#head.length < HEAD_LENGTH) return;
      this.#skip = this.#head.readUIntBE(0, 3);
      const streamId = this.#head.readUInt32BE(5) & 0x7fffffff;
      const isLast = (this.#head.readUInt8(4) & END_STREAM) !== 0;
      this.#onFrame({ type: this.#head.readUInt8(3), streamId, bytes: this.#skip, isLast });
      this.#head = Buffer.alloc(0);
    }
  }
}

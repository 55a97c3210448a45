/**
 * A file that survives a restart: one OTLP request in JSON a line, as the Collector's file exporter writes it. A request is
 * acknowledged when its line is written.
 */
import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { spansOfOtlp } from '../spans/otlp.ts';
import type { ExportedSpan } from '../spans/span.ts';
import { textLines } from '../spans/text-lines.ts';
import { UserError } from '../spans/user-error.ts';

export class KeepFile {
  readonly #file: FileHandle;
  readonly #name: string;
  /** That wait while others are written. */
  #lines: string[] = [];
  /** Of these lines. */
  #next: Promise<void> | undefined;
  #written: Promise<void> = Promise.resolve();

  private constructor(file: FileHandle, name: string) {
    this.#file = file;
    this.#name = name;
  }

  /** @throws {UserError} when it can be neither read nor made */
  static async open(name: string, onSpans: (spans: readonly ExportedSpan[]) => void): Promise<KeepFile> {
    let file: FileHandle;
    try {
      file = await open(name, 'a+');
    } catch (error) {
      throw new UserError(`${name}: cannot be written (${(error as NodeJS.ErrnoException).code})`);
    }
    const cutOffBytes = await readLines(name, onSpans);
    const { size } = await file.stat();
    if (cutOffBytes > 0) await file.truncate(size - cutOffBytes);
    else if (size > 0) await endLine(file, size);
    return new KeepFile(file, name);
  }

  /** A line is whole or is not there. What comes while others are written is written at once afterwards. */
  add(request: unknown): Promise<void> {
    this.#lines.push(`${JSON.stringify(request)}\n`);
    this.#next ??= this.#written.then(() => this.#write());
    this.#written = this.#next.catch(() => {});
    return this.#next;
  }

  async #write(): Promise<void> {
    const lines = this.#lines.join('');
    this.#lines = [];
    this.#next = undefined;
    const { size } = await this.#file.stat();
    try {
      await this.#file.appendFile(lines);
    } catch (error) {
      // The disk is full: a part of a line may be there, and the next one would be one with it.
      await this.#file.truncate(size);
      throw new UserError(`${this.#name}: ${(error as Error).message}`);
    }
  }

  async close(): Promise<void> {
    await this.#written;
    await this.#file.close();
  }
}

/** A line that is whole, but for its end. */
async function endLine(file: FileHandle, size: number): Promise<void> {
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  if (buffer.toString() !== '\n') await file.appendFile('\n');
}

/**
 * @returns of the last line, when it was cut off by whatever ended the process, how many bytes it has: it was never acknowledged
 * @throws {UserError} when a line is none of ours
 */
async function readLines(name: string, onSpans: (spans: readonly ExportedSpan[]) => void): Promise<number> {
  for await (const { text, number, isEnded, byteLength } of textLines(createReadStream(name))) {
    if (text.trim() === '') continue;
    try {
      onSpans(spansOfOtlp(JSON.parse(text)) ?? []);
    } catch (error) {
      if (!isEnded && (number > 1 || text.startsWith('{"resourceSpans":'))) return byteLength;
      const { message } = error as Error;
      throw new UserError(`${name}:${number}: no OTLP (${message}). Name a file that --keep has made`);
    }
  }
  return 0;
}

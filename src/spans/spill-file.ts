/** Spans in a file that has no name. */
import type { FileHandle } from 'node:fs/promises';
import { openNameless, writingTemporary } from './nameless-files.ts';
import type { Attributes, ExportedSpan } from './span.ts';
import { textLines } from './text-lines.ts';

/** Characters that are written at once. */
const BUFFERED = 128 * 2 ** 10;
/** Characters of a text: none of those that are read is longer; stacks are, and statements. */
const MAX_TEXT = 2_048;

export class SpillFile {
  readonly #file: FileHandle;
  #lines: string[] = [];
  #length = 0;
  #traceId: string | undefined;
  #hasSeveralTraces = false;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** @throws {UserError} when they cannot be had */
  static async open(count: number): Promise<SpillFile[]> {
    const files = await writing(async () => await openNameless(count));
    return files.flat().map((file) => new SpillFile(file));
  }

  /** Undefined: there are several, or none. */
  get onlyTraceId(): string | undefined {
    return this.#hasSeveralTraces ? undefined : this.#traceId;
  }

  /** @returns whether it is time to `write()` */
  add(span: ExportedSpan): boolean {
    const traceId = span.traceId.toLowerCase();
    this.#traceId ??= traceId;
    this.#hasSeveralTraces ||= this.#traceId !== traceId;
    const line = `${JSON.stringify(shortened(span))}\n`;
    this.#lines.push(line);
    this.#length += line.length;
    return this.#length >= BUFFERED;
  }

  async write(): Promise<void> {
    const text = this.#lines.join('');
    [this.#lines, this.#length] = [[], 0];
    await writing(async () => await this.#file.appendFile(text));
  }

  /** Once; it is closed by that. */
  async *spans(): AsyncGenerator<ExportedSpan> {
    await this.write();
    const stream = this.#file.createReadStream({ start: 0, highWaterMark: 256 * 2 ** 10 });
    for await (const { text } of textLines(stream)) yield JSON.parse(text);
  }

  async close(): Promise<void> {
    await this.#file.close().catch(() => {});
  }
}

function shortened(span: ExportedSpan): ExportedSpan {
  return {
    ...span,
    attributes: shortenedTexts(span.attributes),
    events: span.events.map((event) => ({ ...event, attributes: shortenedTexts(event.attributes) })),
    links: [],
  };
}

function shortenedTexts(attributes: Attributes): Attributes {
  let short: Record<string, unknown> | undefined;
  for (const key in attributes) {
    const value = attributes[key];
    if (typeof value !== 'string' || value.length <= MAX_TEXT) continue;
    short ??= { ...attributes };
    short[key] = value.slice(0, MAX_TEXT);
  }
  return short ?? attributes;
}

async function writing<T>(write: () => Promise<T>): Promise<T> {
  return await writingTemporary('spans that do not fit the memory cannot be written there', write);
}

/**
 * Bytes as lines of text, however long they are, a piece at a time. Only a line feed ends one: Node's `readline` also ends one
 * at U+2028, which may stand in a string of JSON.
 */
import { ShapeError } from './shape.ts';

export interface TextLine {
  readonly text: string;
  /** From 1. */
  readonly number: number;
  /** Without its end. */
  readonly byteLength: number;
  /** False: the end came before its line feed. */
  readonly isEnded: boolean;
}

/** In bytes. A string of V8 holds twice as much. */
const MAX_LINE = 256 * 2 ** 20;
const LINE_FEED = 10;

/** @throws {ShapeError} of a line that is too long */
export async function* textLines(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<TextLine> {
  let number = 1;
  let begun: Uint8Array[] = [];
  let begunBytes = 0;
  const line = (isEnded: boolean): TextLine => {
    const whole = Buffer.concat(begun);
    const text = whole.toString('utf8');
    [begun, begunBytes] = [[], 0];
    const byteLength = whole.length;
    return { text: number === 1 ? text.replace(/^\uFEFF/, '') : text, number: number++, byteLength, isEnded };
  };
  for await (const chunk of bytes) {
    let from = 0;
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, from)) {
      begun.push(chunk.subarray(from, end));
      from = end + 1;
      yield line(true);
    }
    if (from === chunk.length) continue;
    begun.push(chunk.subarray(from));
    begunBytes += chunk.length - from;
    if (begunBytes > MAX_LINE)
      throw new ShapeError(`line ${number} is longer than ${MAX_LINE / 2 ** 20} MiB, which is too large`);
  }
  if (begun.length > 0) yield line(false);
}

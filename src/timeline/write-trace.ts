/** Writes a file in Chrome's trace event format, an event at a time: it may be larger than memory. */
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { UserError } from '../spans/user-error.ts';
import type { Args, TraceEvent } from './trace-event.ts';

/** Characters that are written at a time. */
const CHUNK = 2 ** 16;

/** @param file compressed, where it ends in `.gz` @throws {UserError} when it cannot be written */
export async function writeTrace(
  file: string,
  events: Iterable<TraceEvent> | AsyncIterable<TraceEvent>,
  otherData: Args,
): Promise<void> {
  const text = Readable.from(textOf(events, otherData), { objectMode: false });
  const target = createWriteStream(file);
  try {
    if (file.endsWith('.gz')) await pipeline(text, createGzip(), target);
    else await pipeline(text, target);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw code === undefined ? error : new UserError(`${file}: cannot be written (${message})`);
  }
}

async function* textOf(
  events: Iterable<TraceEvent> | AsyncIterable<TraceEvent>,
  otherData: Args,
): AsyncGenerator<string> {
  let chunk = `{"displayTimeUnit":"ms","otherData":${jsonOf(otherData)},"traceEvents":[`;
  let separator = '\n';
  for await (const event of events) {
    chunk += separator + jsonOf(event);
    separator = ',\n';
    if (chunk.length < CHUNK) continue;
    yield chunk;
    chunk = '';
  }
  yield `${chunk}\n]}\n`;
}

/** Perfetto takes a quotation mark after two backslashes for one of the string: it is given no two. */
function jsonOf(value: TraceEvent | Args): string {
  const json = JSON.stringify(value);
  return json.includes('\\') ? json.replace(/\\./g, (pair) => (pair === '\\\\' ? '\\u005c' : pair)) : json;
}

/** A file of spans: one JSON document, or one a line. */
import { readFile } from 'node:fs/promises';
import { spansOfDownload } from './jaeger-download.ts';
import { spansOfOtlp } from './otlp.ts';
import { ShapeError } from './shape.ts';
import type { ExportedSpan } from './span.ts';
import { UserError } from './user-error.ts';

/** @throws {UserError} that names the file, the line, and what to do */
export async function readSpansFile(file: string): Promise<ExportedSpan[]> {
  const text = await readText(file);
  if (text.trim() === '') throw new UserError(`${file}: empty, so there is nothing to judge`);
  if (text.trimStart().startsWith('<')) throw new UserError(`${file}: HTML or XML, not JSON`);
  const whole = parse(text);
  if ('json' in whole) return spansOf(whole.json, file);
  const lines = text.split('\n').flatMap((line, index) => {
    const number = index + 1;
    return line.trim() === '' ? [] : { number, ...parse(line) };
  });
  // A document over many lines, broken somewhere: none of the two ends of it is a document.
  if (!isDocument(lines[0]) && !isDocument(lines.at(-1))) throw new UserError(`${file}: ${whole.broken}`);
  return lines.flatMap((line) => {
    const place = `${file}:${line.number}`;
    if ('json' in line) return spansOf(line.json, place);
    throw new UserError(`${place}: ${line.broken}`);
  });
}

async function readText(file: string): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    throw new UserError(`${file}: ${whyNot(file, error as NodeJS.ErrnoException)}`);
  }
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) throw new UserError(`${file}: compressed, gunzip it first`);
  try {
    return bytes.toString('utf8').replace(/^\uFEFF/, '');
  } catch {
    const bytesInMiB = Math.round(bytes.length / 2 ** 20);
    throw new UserError(`${file}: too large with ${bytesInMiB} MiB, split it between two lines`);
  }
}

function whyNot(file: string, { code, message }: NodeJS.ErrnoException): string {
  if (code === 'EISDIR') return 'a folder, name a file in it';
  if (code === 'EACCES') return 'may not be read by you';
  if (code !== 'ENOENT') return message;
  const isAddress = /^(localhost|[\w.-]+:\d+|\[[\da-f:]+\](:\d+)?)(\/.*)?$/i.test(file);
  return isAddress ? `no such file; if a Jaeger is meant, write http://${file}` : 'no such file';
}

type Parsed = { readonly json: unknown } | { readonly broken: string };

function parse(text: string): Parsed {
  try {
    return { json: JSON.parse(text) };
  } catch (error) {
    const { message } = error as Error;
    const position = Number(/at position (\d+)/.exec(message)?.[1]);
    const isCutOff =
      /end of JSON input|Unterminated string/.test(message) || position >= text.trimEnd().length;
    return { broken: isCutOff ? 'ends in the middle of its JSON: it was cut off' : `no JSON (${message})` };
  }
}

function isDocument(parsed: Parsed | undefined): boolean {
  return parsed !== undefined && 'json' in parsed && typeof parsed.json === 'object';
}

function spansOf(json: unknown, place: string): ExportedSpan[] {
  try {
    const spans = spansOfOtlp(json) ?? spansOfDownload(json);
    if (spans !== undefined) return spans;
  } catch (error) {
    if (error instanceof ShapeError) throw new UserError(`${place}: ${error.message}`);
    throw error;
  }
  throw new UserError(
    `${place}: JSON, but neither spans as OTLP (resourceSpans) nor a download of Jaeger's (data)`,
  );
}

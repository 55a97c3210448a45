/** A file of spans: one JSON document, or one a line. Lines are read one at a time, so a file of them may have any size. */
import { inputBytes } from './input-bytes.ts';
import { spansOfDownload } from './jaeger-download.ts';
import { spansOfOtlp } from './otlp.ts';
import { ShapeError } from './shape.ts';
import type { Reading } from './source.ts';
import type { ExportedSpan } from './span.ts';
import { type TextLine, textLines } from './text-lines.ts';
import { UserError } from './user-error.ts';

/** Characters of a document over many lines. */
const MAX_DOCUMENT = 256 * 2 ** 20;

/** @throws {UserError} that names the file, the line, and what to do */
export async function* readSpansFile(file: string, reading: Reading): AsyncGenerator<ExportedSpan[]> {
  const lines = linesIn(file, reading);
  const { value: first } = await lines.next();
  if (first === undefined) throw new UserError(`${file}: empty, so there is nothing to judge`);
  if (first.text.trimStart().startsWith('<')) throw new UserError(`${file}: HTML or XML, not JSON`);
  const { value: second } = await lines.next();
  const parsed = parse(first.text);
  if (second === undefined) yield spansOf(parsed, file);
  else if (isDocument(parsed)) yield* spansOfLines([first, second], lines, file, reading);
  else yield await spansOfDocument([first.text, second.text], lines, file);
}

/** Those with something in them. */
async function* linesIn(file: string, { onRead }: Reading): AsyncGenerator<TextLine, undefined> {
  try {
    for await (const line of textLines(inputBytes(file, onRead))) if (line.text.trim() !== '') yield line;
  } catch (error) {
    if (error instanceof ShapeError) throw new UserError(`${file}: ${error.message}`);
    throw error;
  }
  return undefined;
}

async function* spansOfLines(
  begun: readonly TextLine[],
  rest: AsyncIterable<TextLine>,
  file: string,
  { onLeftOut }: Reading,
): AsyncGenerator<ExportedSpan[]> {
  for await (const { text, number, isEnded } of joined(begun, rest)) {
    const parsed = parse(text);
    // Of a file that is being written, or whose writer was killed: nobody was told that it is written.
    if ('broken' in parsed && parsed.isCutOff && !isEnded)
      onLeftOut?.(`${file}:${number}: the last line, which was cut off`);
    else yield spansOf(parsed, `${file}:${number}`);
  }
}

async function* joined(begun: readonly TextLine[], rest: AsyncIterable<TextLine>): AsyncGenerator<TextLine> {
  yield* begun;
  yield* rest;
}

async function spansOfDocument(
  begun: readonly string[],
  rest: AsyncIterable<TextLine>,
  file: string,
): Promise<ExportedSpan[]> {
  const texts = [...begun];
  let length = texts.join('\n').length;
  for await (const { text } of rest) {
    texts.push(text);
    length += text.length + 1;
    if (length > MAX_DOCUMENT)
      throw new UserError(
        `${file}: too large for one document of JSON, which is read as a whole: write one object a line`,
      );
  }
  const whole = parse(texts.join('\n'));
  // Not a document that is broken somewhere: lines, of which the first is none.
  const areLines = 'broken' in whole && isDocument(parse(texts.at(-1) as string));
  return areLines ? spansOf(parse(texts[0] as string), `${file}:1`) : spansOf(whole, file);
}

type Parsed = { readonly json: unknown } | { readonly broken: string; readonly isCutOff: boolean };

function parse(text: string): Parsed {
  try {
    return { json: JSON.parse(text) };
  } catch (error) {
    const { message } = error as Error;
    const position = Number(/at position (\d+)/.exec(message)?.[1]);
    const isCutOff =
      /end of JSON input|Unterminated string/.test(message) || position >= text.trimEnd().length;
    const broken = isCutOff ? 'ends in the middle of its JSON: it was cut off' : `no JSON (${message})`;
    return { broken, isCutOff };
  }
}

function isDocument(parsed: Parsed): boolean {
  return 'json' in parsed && typeof parsed.json === 'object';
}

/** @throws {UserError} */
function spansOf(parsed: Parsed, place: string): ExportedSpan[] {
  if ('broken' in parsed) throw new UserError(`${place}: ${parsed.broken}`);
  try {
    const spans = spansOfOtlp(parsed.json) ?? spansOfDownload(parsed.json);
    if (spans !== undefined) return spans;
  } catch (error) {
    if (error instanceof ShapeError) throw new UserError(`${place}: ${error.message}`);
    if (error instanceof RangeError) throw new UserError(`${place}: nests too deep to be read`);
    throw error;
  }
  throw new UserError(
    `${place}: JSON, but neither spans as OTLP (resourceSpans) nor a download of Jaeger's (data)`,
  );
}

/** What becomes of an export request, in whatever encoding it came: its spans are checked, kept, and only then acknowledged. */
import { spansOfOtlp } from '../spans/otlp.ts';
import { isFields, ShapeError } from '../spans/shape.ts';
import type { Attributes, ExportedSpan } from '../spans/span.ts';

/** Where spans go. The request is acknowledged when it is settled, and refused when it rejects. */
export type Keep = (spans: readonly ExportedSpan[], request: unknown) => Promise<void> | void;

/** A request, after it is unzipped, in bytes. */
export const MAX_REQUEST_BYTES: number = 16 * 2 ** 20;
/** Of a span, or of one of its events. */
const MAX_ATTRIBUTES = 1_024;
const MAX_EVENTS = 4_096;
/** Characters of a name, a message or a value. */
const MAX_TEXT_LENGTH = 256 * 2 ** 10;

/** Nothing of the request is kept. */
export class RefusedError extends Error {
  /** Of HTTP. */
  readonly statusCode: 400 | 404 | 405 | 413 | 415 | 503;

  constructor(statusCode: RefusedError['statusCode'], message: string) {
    super(message);
    this.statusCode = statusCode;
  }
}

/** As OTLP calls it. */
export interface PartialSuccess {
  readonly rejectedSpans: number;
  /** Why; empty when none is rejected. */
  readonly errorMessage: string;
}

/**
 * @param request an ExportTraceServiceRequest in the shape of JSON
 * @throws {RefusedError} when nothing of it can be kept
 */
export async function takeRequest(request: unknown, keep: Keep): Promise<PartialSuccess> {
  const spans = spansIn(request);
  const faults = spans.map(faultOf);
  const good = spans.filter((_, index) => faults[index] === undefined);
  const [errorMessage = ''] = faults.filter((fault) => fault !== undefined);
  if (spans.length > 0 && good.length === 0) throw new RefusedError(400, errorMessage);
  try {
    if (good.length > 0) await keep(good, request);
  } catch (error) {
    // It nests too deep to be written, the next time as well.
    if (error instanceof RangeError) throw new RefusedError(400, error.message);
    // A client tries again.
    throw new RefusedError(503, (error as Error).message);
  }
  return { rejectedSpans: spans.length - good.length, errorMessage };
}

function spansIn(request: unknown): ExportedSpan[] {
  try {
    const spans = spansOfOtlp(request);
    if (spans !== undefined) return spans;
  } catch (error) {
    // A RangeError: it nests too deep.
    if (error instanceof ShapeError || error instanceof RangeError)
      throw new RefusedError(400, error.message);
    throw error;
  }
  // Protobuf's JSON may leave out what is empty.
  if (isFields(request) && Object.keys(request).length === 0) return [];
  throw new RefusedError(400, 'no OTLP: resourceSpans is missing');
}

function faultOf({ traceId, spanId, name, status, attributes, events }: ExportedSpan): string | undefined {
  if (!/^[0-9a-f]{32}$/i.test(traceId)) return `traceId must be 32 hex digits, but is ${shown(traceId)}`;
  if (!/^[0-9a-f]{16}$/i.test(spanId)) return `spanId must be 16 hex digits, but is ${shown(spanId)}`;
  if (events.length > MAX_EVENTS)
    return `${shown(name)} has ${events.length} events, at most are ${MAX_EVENTS}`;
  if (name.length > MAX_TEXT_LENGTH) return tooLong('name', name);
  if (status.message.length > MAX_TEXT_LENGTH) return tooLong('status.message', status.message);
  let fault = faultOfAttributes(attributes, name);
  for (const event of events) fault ??= faultOfAttributes(event.attributes, name);
  return fault;
}

function faultOfAttributes(attributes: Attributes, spanName: string): string | undefined {
  let count = 0;
  for (const key in attributes) {
    count++;
    const value = attributes[key];
    if (key.length > MAX_TEXT_LENGTH) return tooLong('the key of an attribute', key);
    if (typeof value === 'string' && value.length > MAX_TEXT_LENGTH) return tooLong(shown(key), value);
    if (typeof value !== 'object' || value === null) continue;
    const text = JSON.stringify(value);
    if (text.length > MAX_TEXT_LENGTH) return tooLong(shown(key), text);
  }
  if (count <= MAX_ATTRIBUTES) return undefined;
  return `${shown(spanName)} has ${count} attributes, at most are ${MAX_ATTRIBUTES}`;
}

function tooLong(what: string, { length }: string): string {
  return `${what} has ${length} characters, at most are ${MAX_TEXT_LENGTH}`;
}

function shown(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text);
}

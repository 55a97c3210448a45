/**
 * Spans in OTLP's protobuf encoding, brought into the shape that its JSON encoding has (`otlp.ts`), so that there is one
 * reader of what they say. Fields that are not in the tables are skipped, as protobuf wants it.
 *
 * @see https://github.com/open-telemetry/opentelemetry-proto `trace/v1/trace.proto`, for the numbers of the fields
 */
import protobuf from 'protobufjs/minimal.js';

type Read = (reader: protobuf.Reader) => unknown;

interface Field {
  readonly name: string;
  readonly read: Read;
  readonly isList?: boolean;
}

type Message = Readonly<Record<number, Field>>;

const text: Read = (reader) => reader.string();
const number: Read = (reader) => reader.int32();
const hex: Read = (reader) => Buffer.from(reader.bytes()).toString('hex');
/** As 64-bit integers are in JSON. */
const integer: Read = (reader) => String(reader.int64());
/** The same by its halves, which is faster: each span has two. */
const nanos: Read = (reader) => {
  const low = reader.fixed32();
  return String((BigInt(reader.fixed32()) << 32n) | BigInt(low));
};

function one(name: string, read: Read): Field {
  return { name, read };
}

function many(name: string, read: Read): Field {
  return { name, read, isList: true };
}

/** A message within another. */
function message(fields: Message): Read {
  return (reader) => readMessage(reader, reader.uint32(), fields);
}

/** It holds itself: what it reads is known when it is read. */
const anyValue: Read = (reader) => readMessage(reader, reader.uint32(), ANY_VALUE);
const keyValue = message({ 1: one('key', text), 2: one('value', anyValue) });
const arrayValue = message({ 1: many('values', anyValue) });
const kvlistValue = message({ 1: many('values', keyValue) });
const ANY_VALUE: Message = {
  1: one('stringValue', text),
  2: one('boolValue', (reader) => reader.bool()),
  3: one('intValue', integer),
  4: one('doubleValue', (reader) => reader.double()),
  5: one('arrayValue', arrayValue),
  6: one('kvlistValue', kvlistValue),
  7: one('bytesValue', (reader) => Buffer.from(reader.bytes()).toString('base64')),
};

const event = message({
  1: one('timeUnixNano', nanos),
  2: one('name', text),
  3: many('attributes', keyValue),
});
const link = message({ 1: one('traceId', hex), 2: one('spanId', hex) });
const status = message({ 2: one('message', text), 3: one('code', number) });
const span = message({
  1: one('traceId', hex),
  2: one('spanId', hex),
  4: one('parentSpanId', hex),
  5: one('name', text),
  6: one('kind', number),
  7: one('startTimeUnixNano', nanos),
  8: one('endTimeUnixNano', nanos),
  9: many('attributes', keyValue),
  11: many('events', event),
  13: many('links', link),
  15: one('status', status),
});
const scope = message({ 1: one('name', text) });
const scopeSpans = message({ 1: one('scope', scope), 2: many('spans', span) });
const resource = message({ 1: many('attributes', keyValue) });
const resourceSpans = message({ 1: one('resource', resource), 2: many('scopeSpans', scopeSpans) });
const REQUEST: Message = { 1: many('resourceSpans', resourceSpans) };

/**
 * @param bytes an ExportTraceServiceRequest
 * @returns the same as JSON has it
 * @throws {Error} when they are no protobuf
 */
export function otlpOfProtobuf(bytes: Uint8Array): unknown {
  return { resourceSpans: [], ...readMessage(protobuf.Reader.create(bytes), bytes.length, REQUEST) };
}

function readMessage(reader: protobuf.Reader, length: number, fields: Message): Record<string, unknown> {
  const end = reader.pos + length;
  const read: Record<string, unknown> = {};
  while (reader.pos < end) {
    const tag = reader.uint32();
    const field = fields[tag >>> 3];
    if (field === undefined) {
      reader.skipType(tag & 7);
      continue;
    }
    const { name, isList } = field;
    const value = field.read(reader);
    const list = read[name];
    if (Array.isArray(list)) list.push(value);
    else read[name] = isList ? [value] : value;
  }
  if (reader.pos !== end) throw new RangeError('a message is longer than what it is in');
  return read;
}

/**
 * Spans as the body of an export: OTLP as JSON, to the byte what OpenTelemetry's exporter makes of them.
 *
 * It is written in the main thread, where a copy of the spans for the thread that exports would cost more. What many spans have in
 * common is put into JSON once: at the end of a process there is little time.
 */
import type { Attributes, HrTime, SpanContext } from '@opentelemetry/api';
import type { ReadableSpan, TimedEvent } from '@opentelemetry/sdk-trace-base';

/** Flags above the byte of the trace flags: it is known whether the context, or that of the parent, is remote; it is. */
const REMOTE_IS_KNOWN = 0x100;
const IS_REMOTE = 0x200;
const NANOS = 1_000_000_000;

type Group = readonly [ReadableSpan, ...ReadableSpan[]];
type SpanLink = ReadableSpan['links'][number];

/** Attributes as they were written last in one place, where those that come next are much the same. */
interface Written {
  readonly keys: string[];
  readonly values: unknown[];
  readonly texts: string[];
  whole: string;
}

/** As it was in the last body, with some room. */
let bytesPerSpan = 2_048;

export function otlpJson(spans: readonly ReadableSpan[]): Uint8Array<ArrayBuffer> {
  const body = new Body(1_024 + spans.length * bytesPerSpan);
  body.writeSpans(spans);
  if (spans.length > 0) bytesPerSpan = Math.ceil((1.1 * body.bytes.length) / spans.length);
  return body.bytes;
}

class Body {
  #buffer: Buffer<ArrayBuffer>;
  #length = 0;
  /** By the kind of a span, the name of an event. */
  readonly #written = new Map<unknown, Written>();

  constructor(size: number) {
    this.#buffer = Buffer.allocUnsafeSlow(size);
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Piece by piece: a long string would have to be made whole first. */
  #write(text: string): void {
    const needed = this.#length + 3 * text.length;
    if (needed > this.#buffer.length) {
      const longer = Buffer.allocUnsafeSlow(2 * needed);
      longer.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = longer;
    }
    this.#length += this.#buffer.write(text, this.#length);
  }

  writeSpans(spans: readonly ReadableSpan[]): void {
    this.#write('{"resourceSpans":[');
    let comma = '';
    for (const group of groupBy(spans, ({ resource }) => resource)) {
      this.#write(comma);
      this.#writeResource(group);
      comma = ',';
    }
    this.#write(']}');
  }

  #writeResource(spans: Group): void {
    const { attributes, schemaUrl } = spans[0].resource;
    const url = member('schemaUrl', schemaUrl || undefined);
    const resource = `{"attributes":${this.#attributes(attributes, 'resource')},"droppedAttributesCount":0${url}}`;
    this.#write(`{"resource":${resource},"scopeSpans":[`);
    let comma = '';
    for (const group of groupBy(spans, ({ instrumentationScope }) => instrumentationScope)) {
      this.#write(comma);
      this.#writeScope(group);
      comma = ',';
    }
    this.#write(`]${url}}`);
  }

  #writeScope(spans: Group): void {
    const { name, version, schemaUrl } = spans[0].instrumentationScope;
    this.#write(`{"scope":{"name":${JSON.stringify(name)}${member('version', version)}},"spans":[`);
    let comma = '';
    for (const span of spans) {
      this.#write(comma + this.#span(span));
      comma = ',';
    }
    this.#write(`]${member('schemaUrl', schemaUrl)}}`);
  }

  #span(span: ReadableSpan): string {
    const { traceId, spanId, traceFlags, traceState } = span.spanContext();
    const { parentSpanContext: parent, status } = span;
    let events = '';
    for (const event of span.events) events += events === '' ? this.#event(event) : `,${this.#event(event)}`;
    let links = '';
    for (const link of span.links) links += links === '' ? this.#link(link) : `,${this.#link(link)}`;
    return (
      `{"traceId":"${traceId}","spanId":"${spanId}"` +
      (parent?.spanId ? `,"parentSpanId":"${parent.spanId}"` : '') +
      member('traceState', traceState?.serialize()) +
      `,"name":${JSON.stringify(span.name)},"kind":${span.kind + 1}` +
      `,"startTimeUnixNano":"${nanos(span.startTime)}","endTimeUnixNano":"${nanos(span.endTime)}"` +
      `,"attributes":${this.#attributes(span.attributes, span.kind)},"droppedAttributesCount":${span.droppedAttributesCount}` +
      `,"events":[${events}],"droppedEventsCount":${span.droppedEventsCount}` +
      `,"status":{"code":${status.code}${member('message', status.message)}}` +
      `,"links":[${links}],"droppedLinksCount":${span.droppedLinksCount}` +
      `,"flags":${flags(traceFlags, parent?.isRemote)}}`
    );
  }

  #event({ attributes = {}, name, time, droppedAttributesCount = 0 }: TimedEvent): string {
    return (
      `{"attributes":${this.#attributes(attributes, name)},"name":${JSON.stringify(name)}` +
      `,"timeUnixNano":"${nanos(time)}","droppedAttributesCount":${droppedAttributesCount}}`
    );
  }

  #link({ context, attributes = {}, droppedAttributesCount = 0 }: SpanLink): string {
    const { traceId, spanId, traceFlags, isRemote, traceState } = context;
    return (
      `{"attributes":${this.#attributes(attributes, 'link')},"spanId":${JSON.stringify(spanId)}` +
      `,"traceId":${JSON.stringify(traceId)}${member('traceState', traceState?.serialize())}` +
      `,"droppedAttributesCount":${droppedAttributesCount},"flags":${flags(traceFlags, isRemote)}}`
    );
  }

  #attributes(attributes: Attributes, place: unknown): string {
    let written = this.#written.get(place);
    if (written === undefined) {
      written = { keys: [], values: [], texts: [], whole: '[]' };
      this.#written.set(place, written);
    }
    const { keys, values, texts } = written;
    const newKeys = Object.keys(attributes);
    let isSame = keys.length === newKeys.length;
    for (let i = 0; i < newKeys.length; i++) {
      const key = newKeys[i] as string;
      const value = attributes[key];
      if (values[i] === value && keys[i] === key) continue;
      isSame = false;
      keys[i] = key;
      values[i] = value;
      texts[i] = JSON.stringify({ key, value: anyValue(value) });
    }
    if (isSame) return written.whole;
    keys.length = newKeys.length;
    texts.length = newKeys.length;
    written.whole = `[${texts.join()}]`;
    return written.whole;
  }
}

function anyValue(value: unknown): object {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'number')
    return Number.isInteger(value) ? { intValue: value } : { doubleValue: value };
  return Array.isArray(value) ? { arrayValue: { values: value.map(anyValue) } } : {};
}

/** Of an object, not the first; nothing when there is no value. */
function member(name: string, value: string | undefined): string {
  return value === undefined ? '' : `,"${name}":${JSON.stringify(value)}`;
}

/** In the order in which they are met. */
function groupBy(spans: readonly ReadableSpan[], keyOf: (span: ReadableSpan) => unknown): Iterable<Group> {
  const groups = new Map<unknown, [ReadableSpan, ...ReadableSpan[]]>();
  for (const span of spans) {
    const key = keyOf(span);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [span]);
    else group.push(span);
  }
  return groups.values();
}

function flags(traceFlags: SpanContext['traceFlags'], isRemote: boolean | undefined): number {
  return (traceFlags & 0xff) | REMOTE_IS_KNOWN | (isRemote ? IS_REMOTE : 0);
}

/** 64 bits, of which a number has 53. */
function nanos([seconds, rest]: HrTime): string {
  const isUsual = Number.isInteger(seconds) && seconds > 0 && rest >= 0 && rest < NANOS;
  if (isUsual) return `${seconds}${String(Math.trunc(rest)).padStart(9, '0')}`;
  return String(BigInt(Math.trunc(seconds)) * BigInt(NANOS) + BigInt(Math.trunc(rest)));
}

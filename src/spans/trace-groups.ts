/**
 * Spans that come in any order, given back by their traces. As many as fit the memory are held; when there are more, all go to
 * files, by a hash of their trace, each of which is then read for itself, in the same way.
 */
import type { Attributes, ExportedSpan } from './span.ts';
import { SpillFile } from './spill-file.ts';

/** Of what is held, or of one trace: characters, about. */
const MAX_WEIGHT = 48 * 2 ** 20;
/** A file each: so many times as many spans as fit the memory can be read without going round once more. */
const FILES = 32;
/** What a span takes beside its texts, and an attribute. */
const SPAN_WEIGHT = 600;
const ATTRIBUTE_WEIGHT = 40;

export class TraceGroups {
  readonly #maxWeight: number;
  readonly #depth: number;
  #held: ExportedSpan[] = [];
  #heldWeight = 0;
  #files: SpillFile[] | undefined;
  #leftOutSpans = 0;

  constructor(maxWeight: number = MAX_WEIGHT, depth = 0) {
    this.#maxWeight = maxWeight;
    this.#depth = depth;
  }

  /** Spans of traces that do not fit the memory alone. */
  get leftOutSpanCount(): number {
    return this.#leftOutSpans;
  }

  async add(spans: readonly ExportedSpan[]): Promise<void> {
    if (this.#files !== undefined) return await this.#spill(spans);
    for (const span of spans) {
      this.#held.push(span);
      this.#heldWeight += weightOf(span);
    }
    if (this.#heldWeight <= this.#maxWeight) return;
    this.#files = await SpillFile.open(FILES);
    const held = this.#held;
    this.#held = [];
    await this.#spill(held);
  }

  /** Once, when all are there: each trace with each of its spans once. */
  async *traces(): AsyncGenerator<readonly ExportedSpan[]> {
    if (this.#files === undefined) {
      yield* this.#tracesHeld();
      return;
    }
    for (const file of this.#files) {
      if (file.onlyTraceId !== undefined) yield await this.#traceIn(file);
      else {
        const groups = new TraceGroups(this.#maxWeight, this.#depth + 1);
        for await (const span of file.spans()) await groups.add([span]);
        yield* groups.traces();
        this.#leftOutSpans += groups.leftOutSpanCount;
      }
    }
  }

  /** What was not read any more goes as well. */
  async close(): Promise<void> {
    for (const file of this.#files ?? []) await file.close();
  }

  async #spill(spans: readonly ExportedSpan[]): Promise<void> {
    const files = this.#files as SpillFile[];
    for (const span of spans) {
      const file = files[hashOf(span.traceId, this.#depth) % FILES] as SpillFile;
      if (file.add(span)) await file.write();
    }
  }

  *#tracesHeld(): Generator<readonly ExportedSpan[]> {
    const traces = new Map<string, Map<string, ExportedSpan>>();
    for (const span of this.#held) {
      const traceId = span.traceId.toLowerCase();
      const trace = traces.get(traceId);
      if (trace === undefined) traces.set(traceId, new Map([[span.spanId.toLowerCase(), span]]));
      else trace.set(span.spanId.toLowerCase(), span);
    }
    this.#held = [];
    for (const trace of traces.values()) yield [...trace.values()];
  }

  /** Of a trace that may be larger than the memory: as much as fits. */
  async #traceIn(file: SpillFile): Promise<readonly ExportedSpan[]> {
    const trace = new Map<string, ExportedSpan>();
    let weight = 0;
    for await (const span of file.spans()) {
      weight += weightOf(span);
      if (weight <= this.#maxWeight) trace.set(span.spanId.toLowerCase(), span);
      else this.#leftOutSpans++;
    }
    return [...trace.values()];
  }
}

function weightOf({ name, attributes, events }: ExportedSpan): number {
  const ofEvents = events.reduce((sum, event) => sum + weightOfAttributes(event.attributes), 0);
  return SPAN_WEIGHT + name.length + weightOfAttributes(attributes) + ofEvents;
}

function weightOfAttributes(attributes: Attributes): number {
  let weight = 0;
  for (const key in attributes) {
    const value = attributes[key];
    weight += ATTRIBUTE_WEIGHT + (typeof value === 'string' ? value.length : 0);
  }
  return weight;
}

/** FNV-1a: what is written in ids is not always random. */
function hashOf(traceId: string, depth: number): number {
  let hash = 0x811c9dc5 ^ depth;
  for (let index = 0; index < traceId.length; index++) {
    hash = Math.imul(hash ^ (traceId.charCodeAt(index) | 0x20), 0x01000193);
  }
  return (hash ^ (hash >>> 15)) >>> 0;
}

/** The spans that are kept, by their traces. There is room for so many; of more the traces that heard nothing for longest go. */
import type { ExportedSpan } from '../spans/span.ts';
import { isWorkAnnouncement } from '../spans/work-announcement.ts';

/** @default of the commands */
export const MAX_SPANS = 100_000;

export interface StoredTrace {
  readonly traceId: string;
  /** In the order of their arrival. */
  readonly spans: readonly ExportedSpan[];
  /** Unix time in ms, of the last arrival. */
  readonly heardMs: number;
}

interface Entry {
  readonly traceId: string;
  readonly byId: Map<string, ExportedSpan>;
  heardMs: number;
  /** Made when it is asked for. */
  view: StoredTrace | undefined;
}

export class SpanStore {
  readonly #maxSpans: number;
  /** That which was heard of last is last. */
  readonly #entries = new Map<string, Entry>();
  readonly #listeners = new Set<(traceIds: readonly string[]) => void>();
  #spanCount = 0;
  #droppedSpanCount = 0;

  constructor(maxSpans: number = MAX_SPANS) {
    this.#maxSpans = maxSpans;
  }

  get spanCount(): number {
    return this.#spanCount;
  }

  get traceCount(): number {
    return this.#entries.size;
  }

  /** Of all that were ever kept, those that had to make room. */
  get droppedSpanCount(): number {
    return this.#droppedSpanCount;
  }

  /** Spans that come twice, as when an exporter tries again, are one. What only says that work goes on is not kept: `WorkNow`. */
  add(spans: readonly ExportedSpan[]): void {
    const heardMs = Date.now();
    const touched = new Set<string>();
    for (const span of spans) {
      if (isWorkAnnouncement(span)) continue;
      const traceId = span.traceId.toLowerCase();
      const entry = this.#entries.get(traceId) ?? { traceId, byId: new Map(), heardMs, view: undefined };
      const count = entry.byId.size;
      entry.byId.set(span.spanId.toLowerCase(), span);
      this.#spanCount += entry.byId.size - count;
      entry.heardMs = heardMs;
      entry.view = undefined;
      if (touched.has(traceId)) continue;
      this.#entries.delete(traceId);
      this.#entries.set(traceId, entry);
      touched.add(traceId);
    }
    this.#makeRoom();
    for (const listener of this.#listeners) listener([...touched]);
  }

  trace(traceId: string): StoredTrace | undefined {
    const entry = this.#entries.get(traceId.toLowerCase());
    return entry && viewOf(entry);
  }

  /** The one that was heard of last first. */
  traces(): StoredTrace[] {
    return [...this.#entries.values()].reverse().map(viewOf);
  }

  clear(): void {
    this.#entries.clear();
    this.#spanCount = 0;
    for (const listener of this.#listeners) listener([]);
  }

  /** @returns what takes the listener away */
  onAdd(listener: (traceIds: readonly string[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #makeRoom(): void {
    for (const [traceId, { byId }] of this.#entries) {
      const excess = this.#spanCount - this.#maxSpans;
      if (excess <= 0) return;
      // One that fills all the room by itself keeps its newest.
      const gone = this.#entries.size === 1 ? [...byId.keys()].slice(0, excess) : [...byId.keys()];
      for (const spanId of gone) byId.delete(spanId);
      this.#spanCount -= gone.length;
      this.#droppedSpanCount += gone.length;
      if (byId.size === 0) this.#entries.delete(traceId);
    }
  }
}

function viewOf(entry: Entry): StoredTrace {
  entry.view ??= { traceId: entry.traceId, spans: [...entry.byId.values()], heardMs: entry.heardMs };
  return entry.view;
}

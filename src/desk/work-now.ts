/**
 * The work that is done for nobody at this moment: of handlers that say so (option `announceWork`), until they say that they
 * have stopped, or their process is not heard of any more.
 */
import type { ExportedSpan } from '../spans/span.ts';
import { routeOf } from '../spans/title.ts';
import { isWorkAnnouncement } from '../spans/work-announcement.ts';
import {
  ATTR_CANCEL_PENDING_NAME,
  ATTR_CANCEL_PENDING_ORIGIN,
  ATTR_CANCEL_SETTLED,
  ATTR_CANCEL_WORK_FOR,
} from '../telemetry/attributes.ts';
import type { SpanStore } from './store.ts';

export interface Work {
  readonly traceId: string;
  /** Of the operation. */
  readonly spanId: string;
  readonly service: string;
  /** That was cancelled. */
  readonly operation: string;
  /** Unix time in ms: when it was cancelled. */
  readonly sinceMs: number;
  /** What it is waiting for, as far as that goes out. */
  readonly pending: readonly { readonly name: string; readonly origin: string | undefined }[];
  /** Unix time in ms, when it was last heard of. */
  readonly heardMs: number;
  /** Nothing was heard of it for so long that its process has ended, or is blocked. */
  readonly isSilent: boolean;
}

/** It is said every two seconds, and exported five seconds later at the latest where the exporter has its defaults. */
const SILENT_MS = 10_000;
/** So long it is shown that it is silent. */
const FORGOTTEN_MS = 70_000;
const MAX_WORKS = 1_000;

export class WorkNow {
  readonly #store: SpanStore;
  /** By the span that was cancelled; that which was heard of last is last. */
  readonly #heard = new Map<string, { readonly span: ExportedSpan; readonly heardMs: number }>();
  readonly #listeners = new Set<() => void>();
  #changeCount = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param store where the spans that were cancelled are */
  constructor(store: SpanStore) {
    this.#store = store;
  }

  /** Another one whenever `works()` may answer something else. */
  get changeCount(): number {
    return this.#changeCount;
  }

  /** Of live ones only: those of a file tell of a moment that is gone. */
  hear(spans: readonly ExportedSpan[], heardMs: number = Date.now()): void {
    const said = spans.filter(isWorkAnnouncement);
    for (const span of said) {
      const key = `${span.traceId} ${span.parentSpanId}`.toLowerCase();
      this.#heard.delete(key);
      if (span.attributes[ATTR_CANCEL_SETTLED] !== true) this.#heard.set(key, { span, heardMs });
    }
    for (const key of this.#heard.keys()) {
      if (this.#heard.size <= MAX_WORKS) break;
      this.#heard.delete(key);
    }
    if (said.length > 0) this.#changed();
  }

  /** That which goes on for longest first. */
  works(nowMs: number = Date.now()): Work[] {
    const works = [...this.#heard.values()]
      .filter(({ heardMs }) => nowMs - heardMs < FORGOTTEN_MS)
      .map(({ span, heardMs }) => this.#workOf(span, heardMs, nowMs - heardMs >= SILENT_MS));
    return works.sort((a, b) => Number(a.isSilent) - Number(b.isSilent) || a.sinceMs - b.sinceMs);
  }

  /** @returns what takes the listener away */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #workOf(said: ExportedSpan, heardMs: number, isSilent: boolean): Work {
    const { traceId, parentSpanId, serviceName: service, startMs, attributes, events } = said;
    const cancelled = this.#store.trace(traceId)?.spans.find(({ spanId }) => spanId === parentSpanId);
    return {
      ...{ traceId, spanId: parentSpanId ?? '', service, sinceMs: startMs, heardMs, isSilent },
      operation:
        cancelled === undefined ? String(attributes[ATTR_CANCEL_WORK_FOR] ?? '') : routeOf(cancelled),
      pending: events.map((event) => {
        const origin = event.attributes[ATTR_CANCEL_PENDING_ORIGIN];
        return {
          name: String(event.attributes[ATTR_CANCEL_PENDING_NAME] ?? ''),
          origin: origin === undefined ? undefined : String(origin),
        };
      }),
    };
  }

  #changed(): void {
    this.#changeCount++;
    for (const listener of this.#listeners) listener();
    clearTimeout(this.#timer);
    // That nothing is heard any more is a change as well.
    if (this.#heard.size > 0) this.#timer = setTimeout(() => this.#fellSilent(), SILENT_MS + 1).unref();
  }

  #fellSilent(): void {
    const nowMs = Date.now();
    for (const [key, { heardMs }] of this.#heard)
      if (nowMs - heardMs >= FORGOTTEN_MS) this.#heard.delete(key);
    this.#changed();
  }
}

/** Tells of traces when they are complete, as far as anybody can know: when none of their spans has come for a while. */
import type { SpanStore, StoredTrace } from '../desk/store.ts';

/** When every span's parent is there, in ms. A process exports every half a second (`run.ts`). */
const QUIET_MS = 800;
/** When one is missing: its process may hold it back until its own handler is done. */
const QUIET_INCOMPLETE_MS = 5_000;

export class CompleteTraces {
  readonly #store: SpanStore;
  readonly #tell: (trace: StoredTrace) => void;
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #stop: () => void;

  /** @param tell is called once a trace, and again when more spans of it come after that */
  constructor(store: SpanStore, tell: (trace: StoredTrace) => void) {
    this.#store = store;
    this.#tell = tell;
    this.#stop = store.onAdd((traceIds) => {
      for (const traceId of traceIds) this.#wait(traceId);
    });
  }

  /** Tells of all that are waited for, and of no more. */
  end(): void {
    this.#stop();
    for (const [traceId, timer] of this.#timers) {
      clearTimeout(timer);
      this.#found(traceId);
    }
  }

  #wait(traceId: string): void {
    const trace = this.#store.trace(traceId);
    clearTimeout(this.#timers.get(traceId));
    if (trace === undefined) return;
    const quietMs = isWhole(trace) ? QUIET_MS : QUIET_INCOMPLETE_MS;
    this.#timers.set(
      traceId,
      setTimeout(() => this.#found(traceId), quietMs),
    );
  }

  #found(traceId: string): void {
    this.#timers.delete(traceId);
    const trace = this.#store.trace(traceId);
    if (trace !== undefined) this.#tell(trace);
  }
}

function isWhole({ spans }: StoredTrace): boolean {
  const known = new Set(spans.map(({ spanId }) => spanId));
  return spans.every(({ parentSpanId }) => parentSpanId === undefined || known.has(parentSpanId));
}

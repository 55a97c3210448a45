import type { Span } from '@opentelemetry/api';
import type { Stack } from '../operation/evidence.ts';
import type { SpentOn } from './attributes.ts';
import { parentSpanIdOf } from './official-span.ts';
import type { OperationRecord } from './operation-record.ts';
import { SpentTime } from './spent-time.ts';

/** What goes to another system for an incoming operation: an operation of ours, or a span of others. */
export interface Outgoing {
  readonly span: Span;
  /** On the clock of performance.now(), in ms. */
  readonly startedAtMs: number;
  /** Of whoever started it, where that is captured. */
  readonly startStack: Stack | undefined;
}

/**
 * What is known of the work for an operation after that was cancelled: of an incoming one by its handler, of an
 * outgoing one by whoever goes on receiving. Times are on the clock of performance.now(), in ms.
 */
export class LateWork {
  readonly operation: OperationRecord;
  readonly cancelledAtMs: number;
  /** Whether the operation's span was recorded: an ended one says no more than that it has ended. */
  readonly isRecorded: boolean;
  /** What the handler returned, until it is settled. */
  promise: Promise<unknown> | undefined = undefined;
  /** When an async handler's promise was settled, which then has nothing left but what it started. */
  returnedAtMs: number | undefined = undefined;
  writes = 0;
  /** Delivered to the application. */
  messages = 0;
  /** What went out since. */
  operations = 0;
  /** What went out, before as well, and is not over; without what is inside of another of these. */
  readonly open: Set<Outgoing> = new Set();
  /** The ids of their spans, and of those inside of them: which of them it is. */
  readonly #outermost = new Map<string, Outgoing>();
  /** Of those that are open: what was inside of them, and was over last, was stopped. */
  readonly #stopped = new Set<Outgoing>();
  /** On what the time since the cancel was spent, as far as it is over. */
  readonly spent: SpentTime = new SpentTime();
  /** What of it is right to do when told: to undo, to give back. */
  readonly #cleanUp = new SpentTime<'clean-up'>();
  lastSignMs: number;
  /** Of those that only work that is waited for gives. */
  lastProofMs: number;

  constructor(operation: OperationRecord, cancelledAtMs: number) {
    this.operation = operation;
    this.cancelledAtMs = cancelledAtMs;
    this.isRecorded = operation.span.isRecording() || 'attributes' in operation.span;
    this.lastSignMs = cancelledAtMs;
    this.lastProofMs = cancelledAtMs;
  }

  /** The promise of the handler is settled. */
  returned(atMs: number): void {
    this.promise = undefined;
    this.returnedAtMs = atMs;
    this.lastSignMs = atMs;
    this.lastProofMs = atMs;
  }

  /** To be called for each span of the operation in the order of their starts. */
  began(span: Span): void {
    const outermost = this.#around(span);
    if (outermost !== undefined) this.#outermost.set(span.spanContext().spanId, outermost);
  }

  /** @returns false when it is inside of another that is open, which then is told of already */
  wentOut(outgoing: Outgoing): boolean {
    const { span } = outgoing;
    const outermost = this.#around(span) ?? outgoing;
    this.#outermost.set(span.spanContext().spanId, outermost);
    if (outermost === outgoing) this.open.add(outgoing);
    return outermost === outgoing;
  }

  /**
   * @param wasStopped whether it was cancelled, and not merely done
   * @returns false when it did not count, being inside of another
   */
  cameBack(outgoing: Outgoing, on: SpentOn | undefined, atMs: number, wasStopped = false): boolean {
    const { spanId } = outgoing.span.spanContext();
    const outermost = this.#outermost.get(spanId);
    this.#outermost.delete(spanId);
    if (outermost !== undefined) {
      if (wasStopped) this.#stopped.add(outermost);
      else this.#stopped.delete(outermost);
    }
    if (!this.open.delete(outgoing)) return false;
    if (on !== undefined) this.spent.add(on, Math.max(outgoing.startedAtMs, this.cancelledAtMs), atMs);
    return true;
  }

  /** Whether the request that was made inside of it was stopped: whoever made the outer span need not say so. */
  wasStoppedInside(outgoing: Outgoing): boolean {
    return this.#stopped.has(outgoing);
  }

  /** @param atMs when the clean-up that was begun then was done */
  cleanedUp({ startedAtMs }: Outgoing, atMs: number): void {
    this.#cleanUp.add('clean-up', Math.max(startedAtMs, this.cancelledAtMs), atMs);
  }

  get cleanUpMs(): number {
    return this.#cleanUp.totals().get('clean-up') ?? 0;
  }

  /** The span is that of an operation of ours, which is told of by itself. */
  forget(span: Span): void {
    for (const outgoing of this.open) if (outgoing.span === span) this.open.delete(outgoing);
  }

  #around(span: Span): Outgoing | undefined {
    return this.#outermost.get(parentSpanIdOf(span) ?? '');
  }
}

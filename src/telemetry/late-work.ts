import type { Span } from '@opentelemetry/api';
import { parentSpanIdOf } from './official-span.ts';
import type { OperationRecord } from './operation-record.ts';
import type { SpentOn } from './spent-on.ts';
import { SpentTime } from './spent-time.ts';

/** What goes to another system for an incoming operation: an operation of ours, or a span of others. */
export interface Outgoing {
  readonly span: Span;
  /** On the clock of performance.now(), in ms. */
  readonly startedAtMs: number;
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
  /** Spans of these, and those inside of them. */
  readonly #openSpanIds = new Set<string>();
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

  /** True when the span is inside of what goes out, which then is told of already. */
  isInside(span: Span): boolean {
    return this.#openSpanIds.has(parentSpanIdOf(span) ?? '');
  }

  /** To be called for each span of the operation in the order of their starts. */
  began(span: Span): void {
    if (this.isInside(span)) this.#openSpanIds.add(span.spanContext().spanId);
  }

  /** @returns false when it is inside of another that is open */
  wentOut(outgoing: Outgoing): boolean {
    const { span } = outgoing;
    const isInside = this.isInside(span);
    this.#openSpanIds.add(span.spanContext().spanId);
    if (!isInside) this.open.add(outgoing);
    return !isInside;
  }

  /** @returns false when it did not count, being inside of another */
  cameBack(outgoing: Outgoing, on: SpentOn | undefined, atMs: number): boolean {
    this.#openSpanIds.delete(outgoing.span.spanContext().spanId);
    if (!this.open.delete(outgoing)) return false;
    if (on !== undefined) this.spent.add(on, Math.max(outgoing.startedAtMs, this.cancelledAtMs), atMs);
    return true;
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
}

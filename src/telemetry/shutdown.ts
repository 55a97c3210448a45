/**
 * How a process drains: from the first signal or the first close() of a server until its last incoming operation is over,
 * or until it exits. What became of the operations is one span, and metrics.
 *
 * A server that is closed while others go on, or that is opened again, is no end of the process: nothing is told of it.
 */
import {
  context,
  isSpanContextValid,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  type Tracer,
} from '@opentelemetry/api';
import { formatFrame, originOf } from '../cancellation/origin.ts';
import type { ListeningServer } from '../host.ts';
import type { CapturedStack } from '../operation/captured-stack.ts';
import { toUnixMs } from '../operation/clock.ts';
import type { Guard } from '../operation/guard.ts';
import type { Cancellation } from '../operation/operation.ts';
import {
  ATTR_SHUTDOWN_CUT,
  ATTR_SHUTDOWN_FINISHED,
  ATTR_SHUTDOWN_ORIGIN,
  ATTR_SHUTDOWN_OTHER,
  ATTR_SHUTDOWN_TRIGGER,
  SPAN_SHUTDOWN,
} from './attributes.ts';
import type { Metrics } from './metrics.ts';
import type { OpenOperations } from './open-operations.ts';
import type { OperationRecord } from './operation-record.ts';
import { ownerIn } from './owner.ts';
import type { Redaction } from './redaction.ts';
import { markNeeded } from './sampling.ts';

/** What a process is told to end by, or ends by unasked. */
export type ShutdownTrigger = 'SIGTERM' | 'SIGINT' | 'close' | 'exit';
/** What became of an incoming operation: answered; ended by the shutdown; ended by its client, its time limit or its handler. */
export type ShutdownResult = 'finished' | 'cut' | 'other';

/** More links say nothing new. */
const MAX_LINKS = 16;
/** A server that still listens so long after the process was told to end has not been told. */
const MAX_LISTENING_MS = 10 * 60_000;

/** From its beginning on. */
class Drain {
  readonly trigger: ShutdownTrigger;
  readonly stack: CapturedStack | undefined;
  readonly startedAtMs: number = performance.now();
  /** Incoming operations that are neither over nor cancelled. */
  readonly inFlight: Set<OperationRecord> = new Set();
  readonly counts: Record<ShutdownResult, number> = { finished: 0, cut: 0, other: 0 };
  /** The first ones. */
  readonly cut: SpanContext[] = [];
  /** Whether a server was closed: before that nobody knows that there will be no more operations. */
  hasClosed = false;

  constructor(trigger: ShutdownTrigger, stack: CapturedStack | undefined) {
    this.trigger = trigger;
    this.stack = stack;
  }

  count(operation: OperationRecord, result: ShutdownResult): void {
    this.counts[result]++;
    if (result !== 'cut' || this.cut.length === MAX_LINKS) return;
    const spanContext = operation.span.spanContext();
    if (isSpanContextValid(spanContext)) this.cut.push(spanContext);
  }
}

export class Shutdown {
  readonly #redact: Redaction;
  readonly #tracer: () => Tracer;
  readonly #metrics: Metrics;
  readonly #open: OpenOperations;
  #servers: WeakRef<ListeningServer>[] = [];
  #hasServed = false;
  #hasDrained = false;
  #drain: Drain | undefined;
  /** What is wrong with a span processor is to harm no operation. */
  readonly #record: (drain: Drain) => void;

  constructor(tracer: () => Tracer, metrics: Metrics, open: OpenOperations, redact: Redaction, guard: Guard) {
    this.#redact = redact;
    this.#tracer = tracer;
    this.#metrics = metrics;
    this.#open = open;
    this.#record = guard((drain) => this.#write(drain));
  }

  /** Only then it has to be told of operations. */
  get isUnderWay(): boolean {
    return this.#drain !== undefined;
  }

  /** Not so when all that has happened is that a server was closed: others may go on. */
  get isToldToEnd(): boolean {
    return this.#drain !== undefined && this.#drain.trigger !== 'close';
  }

  serverListens(server: ListeningServer): void {
    this.#forget(server);
    this.#servers.push(new WeakRef(server));
    this.#hasServed = true;
    this.#hasDrained = false;
    // Opened again.
    if (this.#drain?.trigger === 'close') this.#drain = undefined;
  }

  serverCloses(server: ListeningServer, stack: CapturedStack): void {
    this.#forget(server);
    this.#hasServed = true;
    this.begin('close', stack).hasClosed = true;
    this.#endIfDrained();
  }

  /** The first one counts. @param stack of whoever tells it to end */
  begin(trigger: ShutdownTrigger, stack?: CapturedStack): Drain {
    let drain = this.#drain;
    if (drain !== undefined && !this.#isForgotten(drain, performance.now())) return drain;
    drain = new Drain(trigger, stack);
    for (const operation of this.#open.of('server')) {
      if (operation.cancellation === undefined) drain.inFlight.add(operation);
    }
    this.#drain = drain;
    return drain;
  }

  /** An incoming operation is started. */
  started(operation: OperationRecord): void {
    const drain = this.#drain;
    if (drain === undefined) return;
    if (this.#isForgotten(drain, operation.startedAtMs)) this.#drain = undefined;
    else drain.inFlight.add(operation);
  }

  /** An incoming operation is cancelled. */
  cancelled(operation: OperationRecord, cancellation: Cancellation): void {
    this.#ended(operation, resultOf(operation, cancellation));
  }

  /** An incoming operation is over, which has been cancelled before or not. */
  settled(operation: OperationRecord): void {
    this.#ended(operation, 'finished');
  }

  #ended(operation: OperationRecord, result: ShutdownResult): void {
    const drain = this.#drain;
    if (drain === undefined || !drain.inFlight.delete(operation)) return;
    drain.count(operation, result);
    this.#endIfDrained();
  }

  /** The process exits, now: whatever is in flight is cut. */
  processExits(): void {
    const drain = this.begin('exit');
    for (const operation of drain.inFlight) drain.count(operation, 'cut');
    this.#end(drain);
  }

  /** Nobody will tell of operations any more. */
  close(): void {
    this.#drain = undefined;
  }

  #endIfDrained(): void {
    const drain = this.#drain;
    if (drain?.hasClosed && drain.inFlight.size === 0 && !this.#isListening()) this.#end(drain);
  }

  #end(drain: Drain): void {
    this.#drain = undefined;
    const { trigger, counts } = drain;
    const isIdle = counts.finished + counts.cut + counts.other === 0;
    // A server that was closed while it was idle, or a process that never served, has not drained; and one that has,
    // and now ends itself by the signal that it was told to end by, does not do so again.
    if (isIdle && (trigger === 'close' || trigger === 'exit' || !this.#hasServed || this.#hasDrained)) return;
    this.#hasDrained = true;
    this.#record(drain);
  }

  #write({ trigger, counts, cut, stack, startedAtMs }: Drain): void {
    const durationMs = performance.now() - startedAtMs;
    const startTime = toUnixMs(startedAtMs);
    this.#metrics.shutdown(trigger, durationMs, counts);
    const span = this.#tracer().startSpan(
      SPAN_SHUTDOWN,
      {
        kind: SpanKind.INTERNAL,
        startTime,
        links: cut.map((spanContext) => ({ context: spanContext })),
        attributes: {
          [ATTR_SHUTDOWN_TRIGGER]: trigger,
          [ATTR_SHUTDOWN_FINISHED]: counts.finished,
          [ATTR_SHUTDOWN_CUT]: counts.cut,
          [ATTR_SHUTDOWN_OTHER]: counts.other,
        },
      },
      ROOT_CONTEXT,
    );
    const frame = originOf(stack)?.frame;
    if (frame !== undefined) span.setAttributes(this.#redact({ [ATTR_SHUTDOWN_ORIGIN]: formatFrame(frame) }));
    if (counts.cut > 0) {
      span.setStatus({ code: SpanStatusCode.ERROR, message: `operations that were cut: ${counts.cut}` });
      markNeeded(span);
    }
    span.end(startTime + durationMs);
  }

  #isListening(): boolean {
    return this.#servers.some((server) => server.deref()?.listening === true);
  }

  #isForgotten({ startedAtMs }: Drain, nowMs: number): boolean {
    return nowMs - startedAtMs > MAX_LISTENING_MS && this.#isListening();
  }

  #forget(closed: ListeningServer): void {
    this.#servers = this.#servers.filter((server) => {
      const other = server.deref();
      return other !== undefined && other !== closed;
    });
  }
}

function resultOf(operation: OperationRecord, cancellation: Cancellation): ShutdownResult {
  const { initiator, outcome, trigger } = cancellation;
  // Its handler answered, by a status that means so.
  if (trigger === 'status') return 'finished';
  if (trigger === 'shutdown') return 'cut';
  if (initiator !== 'local' || outcome !== 'canceled') return 'other';
  // What a handler does to its own operation is its own affair.
  return ownerIn(context.active()) === operation ? 'other' : 'cut';
}

/**
 * Jobs and messages: each CONSUMER span that others make is an incoming operation. Known by its start, where the SDK tells of it,
 * or by whoever runs it; and all that is started in its context is its work.
 *
 * Its span stays its owner's, who alone ends it and says how it went: a cancel is added to it, and takes nothing from it.
 */
import { type Context, context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { SignalStory } from '../cancellation/abort-origins.ts';
import type { Guard } from '../operation/guard.ts';
import type { Cancellation } from '../operation/operation.ts';
import { beforeEnd, beforeException } from './official-span.ts';
import type { OpenOperations } from './open-operations.ts';
import { OperationRecord } from './operation-record.ts';
import type { SdkSpan } from './owned-span.ts';
import { isAsideIn, ownerIn, setJobOf } from './owner.ts';
import type { Shutdown } from './shutdown.ts';
import type { SpanStarts } from './span-starts.ts';
import { MESSAGING } from './systems.ts';

/** What is received, in the words of the semantic conventions and of bullmq-otel. */
const DESTINATIONS = ['messaging.destination.name', 'messaging.destination', 'bullmq.queue.name'] as const;

export class Job extends OperationRecord {
  declare readonly span: SdkSpan;
  /** What it ended with, as far as it is told. */
  error: unknown = undefined;
  hasFailed = false;
  /** The limit of a timeout signal that was made in the job has passed, and what runs now follows from that. */
  passedLimit: SignalStory | undefined = undefined;
  /** How this process has ended one of its requests, the last one. */
  endedRequest: Cancellation | undefined = undefined;

  constructor(span: SdkSpan, parent: Context) {
    super('server', MESSAGING, span, false, trace.setSpan(parent, span), undefined, performance.now());
  }

  override get isLeftToItsOwner(): boolean {
    return true;
  }

  /** Its owner says that it has failed. */
  get isError(): boolean {
    return this.hasFailed || this.span.status?.code === SpanStatusCode.ERROR;
  }

  /** For metrics: it may be told only after the start. */
  readDestination(): void {
    const { attributes = {} } = this.span;
    const destination = DESTINATIONS.map((name) => attributes[name]).find((name) => name !== undefined);
    if (typeof destination === 'string') this.method = destination;
  }
}

export interface JobParts {
  readonly open: OpenOperations;
  readonly shutdown: Shutdown;
  readonly spanStarts: SpanStarts;
  readonly guard: Guard;
}

export class Jobs {
  readonly #parts: JobParts;
  /** Its span is about to end. */
  readonly #onEnd: (job: Job) => void;
  /** Of several instances one has them. */
  #isOn = false;

  constructor(parts: JobParts, onEnd: (job: Job) => void) {
    this.#parts = parts;
    this.#onEnd = onEnd;
  }

  open(): void {
    this.#isOn = true;
  }

  close(): void {
    this.#isOn = false;
  }

  /**
   * Any span was started.
   *
   * @returns the operation whose work it is
   */
  ownerOf(span: SdkSpan, parent: Context): OperationRecord | undefined {
    if (span.kind === SpanKind.CONSUMER) {
      this.#begin(span, parent);
      return undefined;
    }
    const owner = ownerIn(parent);
    if (!(owner instanceof Job)) return owner;
    if (!this.#isOn) return undefined;
    if (span.kind !== SpanKind.SERVER) setJobOf(span, owner);
    return isAsideIn(parent) ? undefined : owner;
  }

  /** The one that the code at hand works for. @param kind of its span, where that is to be one though it was none at its start */
  current(kind: SpanKind): Job | undefined {
    const active = context.active();
    const owner = ownerIn(active);
    if (owner instanceof Job) return owner;
    const span = trace.getSpan(active) as SdkSpan | undefined;
    return span?.kind === kind ? this.#begin(span, active) : undefined;
  }

  /** Of a signal that was made in the job; its listeners are about to be told. */
  limitPasses(job: Job, story: SignalStory): void {
    job.passedLimit = story;
    whenFollowed(
      this.#parts.guard(() => {
        job.passedLimit = undefined;
      }),
      this.#parts.guard,
    );
  }

  #begin(span: SdkSpan, parent: Context): Job | undefined {
    if (!this.#isOn || !span.isRecording() || isCall(span)) return undefined;
    const { open, shutdown, spanStarts, guard } = this.#parts;
    const job = new Job(span, parent);
    setJobOf(span, job);
    open.add(job);
    if (shutdown.isUnderWay) shutdown.started(job);
    spanStarts.notice(span);
    const failed = guard((error: unknown) => {
      job.error = error;
    });
    const ended = guard(() => this.#onEnd(job));
    beforeException(span, failed);
    beforeEnd(span, ended);
    return job;
  }
}

/** Ticks, and microtasks after each, in which a handler of many layers comes to its end. */
const FOLLOWING_TICKS = 4;
const FOLLOWING_MICROTASKS = 50;

/**
 * What runs in the ticks and microtasks after a callback of the event loop, such as that of a timer, follows from it: the next
 * callback comes after them.
 */
function whenFollowed(done: () => void, guard: Guard): void {
  let left = FOLLOWING_TICKS * FOLLOWING_MICROTASKS;
  const next = guard(() => {
    if (left-- === 0) done();
    else if (left % FOLLOWING_MICROTASKS === 0) process.nextTick(next);
    else queueMicrotask(next);
  });
  next();
}

/** To ask whether there are messages is no work for one: the AWS SDK's ReceiveMessage. */
function isCall({ attributes = {} }: SdkSpan): boolean {
  return attributes['rpc.system'] !== undefined || attributes['rpc.system.name'] !== undefined;
}

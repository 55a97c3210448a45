/** Time limits of operations: set or read off the wire, told to whoever is called, and how far they were missed. */
import { context } from '@opentelemetry/api';
import {
  describeMalformed,
  type Headers,
  type ReadLimit,
  readDeadlineHeaders,
} from '../cancellation/deadline-headers.ts';
import type { ResolvedConfig } from '../config.ts';
import type { DeadlineHeader, ReadHeader } from '../host.ts';
import { CapturedStack, type StackTop } from '../operation/captured-stack.ts';
import type { Guard } from '../operation/guard.ts';
import type { Deadline } from '../operation/operation.ts';
import {
  ATTR_DEADLINE_CLOCK_SKEW_MS,
  ATTR_DEADLINE_DEVIATION_MS,
  ATTR_DEADLINE_EVENT_LOOP_DELAY_MS,
  ATTR_DEADLINE_SOURCE,
  ATTR_DEADLINE_TIMEOUT_MS,
} from './attributes.ts';
import { EventLoopDelay } from './event-loop-delay.ts';
import type { AddFinding } from './findings.ts';
import { beforeEnd } from './official-span.ts';
import type { OperationRecord } from './operation-record.ts';
import { ownerIn } from './owner.ts';
import { deadlineToTell, limitToPassOn } from './pass-on.ts';
import { roundMs } from './round-ms.ts';

/** Frames kept for a deadline: it is captured on operations that may well succeed, and costs by the frame. */
const MAX_DEADLINE_FRAMES = 16;

export class Deadlines {
  readonly #config: ResolvedConfig;
  readonly #addFinding: AddFinding;
  readonly #guard: Guard;
  readonly #eventLoopDelay: EventLoopDelay;

  constructor(config: ResolvedConfig, addFinding: AddFinding, guard: Guard) {
    this.#config = config;
    this.#addFinding = addFinding;
    this.#guard = guard;
    this.#eventLoopDelay = new EventLoopDelay(guard);
  }

  set(operation: OperationRecord, deadline: Deadline): void {
    if (operation.deadline === undefined && !operation.ownsSpan) {
      // Whoever owns the span may end it before it tells anybody that the operation is over.
      const write = this.#guard(() => writeDeviation(operation));
      beforeEnd(operation.span, write);
    }
    if (operation.side === 'server') deadline.readLateMs = this.#eventLoopDelay.now();
    this.#eventLoopDelay.watch();
    operation.deadline = deadline;
    operation.span.setAttribute(ATTR_DEADLINE_TIMEOUT_MS, roundMs(deadline.timeoutMs));
    operation.span.setAttribute(ATTR_DEADLINE_SOURCE, deadline.source);
  }

  send(
    operation: OperationRecord,
    headers: Headers | undefined,
    own: Deadline | undefined,
    above: StackTop | undefined,
  ): void {
    const limit = headers && this.#limitIn(operation, headers);
    let deadline = own;
    if (limit?.header !== undefined && !(own !== undefined && own.timeoutMs <= limit.timeoutMs)) {
      const { header, timeoutMs } = limit;
      const stack = above && this.captureStack(above);
      deadline = { atMs: operation.startedAtMs + timeoutMs, timeoutMs, source: header, stack };
    }
    if (deadline !== undefined) this.set(operation, deadline);
  }

  #limitIn(operation: OperationRecord, headers: Headers): ReadLimit | undefined {
    const limit = readDeadlineHeaders(headers, Date.now());
    for (const value of limit?.malformed ?? [])
      if (value.isFault) this.#addFinding(operation, 'timeout_malformed', describeMalformed(value));
    return limit;
  }

  read(operation: OperationRecord, headers: Headers): void {
    const limit = this.#limitIn(operation, headers);
    if (limit?.header === undefined) return;
    const { header, timeoutMs, clockSkewMs } = limit;
    const atMs = performance.now() + timeoutMs;
    this.set(operation, { atMs, timeoutMs, source: header, stack: undefined });
    if (clockSkewMs !== undefined)
      operation.span.setAttribute(ATTR_DEADLINE_CLOCK_SKEW_MS, roundMs(clockSkewMs));
  }

  limitToPassOn(): number | undefined {
    if (!this.#config.propagate.grpcDeadline) return undefined;
    const active = context.active();
    return limitToPassOn(active, ownerIn(active), this.#config.propagate);
  }

  tell<Request>(
    operation: OperationRecord,
    request: Request,
    read: ReadHeader<Request>,
  ): DeadlineHeader | undefined {
    const told = deadlineToTell(this.#config.propagate, operation, request, read);
    if (told === undefined || told.atMs === operation.deadline?.atMs) return told;
    const { atMs, timeoutMs } = told;
    this.set(operation, { atMs, timeoutMs, source: 'inherited', stack: undefined });
    return told;
  }

  captureStack(above: StackTop): CapturedStack | undefined {
    return this.#config.captureDeadlineStack ? new CapturedStack(above, MAX_DEADLINE_FRAMES) : undefined;
  }

  /** The operation was cancelled because its deadline has passed. */
  missed({ span, deadline }: OperationRecord): void {
    if (deadline !== undefined)
      span.setAttribute(ATTR_DEADLINE_EVENT_LOOP_DELAY_MS, roundMs(this.#eventLoopDelay.now()));
  }

  stop(): void {
    this.#eventLoopDelay.stop();
  }
}

/** To be called when the operation ends, before it is settled. */
export function writeDeviation({ span, deadline, isSettled }: OperationRecord): void {
  if (deadline === undefined || isSettled || !span.isRecording()) return;
  span.setAttribute(ATTR_DEADLINE_DEVIATION_MS, roundMs(performance.now() - deadline.atMs));
}

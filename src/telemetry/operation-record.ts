/** An operation with all that the recorder keeps of it while it is in flight. */
import type { Context, Span } from '@opentelemetry/api';
import type { EndWithProcess } from '../host.ts';
import type { Stack } from '../operation/evidence.ts';
import type { FindingRule } from '../operation/finding.ts';
import type { Cancellation, Deadline, Operation, Side, System, WorkScope } from '../operation/operation.ts';
import type { LateWork } from './late-work.ts';
import type { OwnedSpan } from './owned-span.ts';

/** One class for both sides, and no object beside it: one is made for every request, and all have the same shape. */
export class OperationRecord implements Operation {
  readonly side: Side;
  readonly system: System;
  span: Span;
  readonly ownsSpan: boolean;
  context: Context;
  startedAtMs: number;
  deadline: Deadline | undefined = undefined;
  cancellation: Cancellation | undefined = undefined;
  isSettled = false;

  // For metrics, when somebody counts.
  /** What is called: `pkg.Service/Method`, or the HTTP method. */
  method: string | undefined = undefined;
  /** Of an incoming HTTP request that is over: `http.route`, when it is known. */
  route: string | undefined = undefined;

  /** The most serious rule about broken propagation that fired. */
  finding: FindingRule | undefined = undefined;
  /** Of a cancelled one, while there is work for it: until its handler is known to have settled, or its stream to have ended. */
  lateWork: LateWork | undefined = undefined;
  /** Its neighbours in OpenOperations, while it is there. */
  earlierOpen: OperationRecord | undefined = undefined;
  laterOpen: OperationRecord | undefined = undefined;

  /** What its integration knows it by while it is in flight, and how that ends it when the process ends. */
  subject: object | undefined = undefined;
  endWithProcess: EndWithProcess<never> | undefined = undefined;

  // Of an outgoing one that has an owner.
  readonly owner: OperationRecord | undefined;
  /** Of whoever started it. */
  startStack: Stack | undefined = undefined;
  /** Ends it together with its owner, where it is to. */
  stop: ((reason: Error) => void) | undefined = undefined;

  // Of an incoming one.
  answer: object | undefined = undefined;
  limitSetAt: Stack | undefined = undefined;
  scope: WorkScope | undefined = undefined;
  hasDetached = false;
  /** Outgoing ones made for it that are not over. */
  pending: Set<OperationRecord> | undefined = undefined;
  /** Spans that others made for it, while it is not over: those that are open, and some that are not. */
  spans: OwnedSpan[] | undefined = undefined;
  /** End what is no operation, and is to end together with this one. */
  stops: Set<() => void> | undefined = undefined;
  /** What its handler returned, which tells later whether it is still at work. */
  handled: unknown = undefined;

  constructor(
    side: Side,
    system: System,
    span: Span,
    ownsSpan: boolean,
    context: Context,
    owner: OperationRecord | undefined,
    startedAtMs: number,
  ) {
    this.side = side;
    this.system = system;
    this.span = span;
    this.ownsSpan = ownsSpan;
    this.context = context;
    this.owner = owner;
    this.startedAtMs = startedAtMs;
  }

  /** Whoever owns its span alone ends it, and says how it went: a cancel is added to it, and takes nothing from it. */
  get isLeftToItsOwner(): boolean {
    return false;
  }
}

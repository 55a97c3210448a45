import type { Context, Span } from '@opentelemetry/api';
import type { Initiator, Outcome, Phase, Stack, Trigger } from './evidence.ts';
import type { FindingRule } from './finding.ts';
import type { LateWork } from './late-work.ts';

export type Side = 'client' | 'server';
export type System = 'grpc' | 'http' | 'http2';

/** The time limit of an operation. */
export interface Deadline {
  /** On the clock of performance.now(), in ms. */
  readonly atMs: number;
  /** Time that was left when the operation started, in ms; may be negative. */
  readonly timeoutMs: number;
  /** `option`, `grpc-timeout`, `inherited`, `signal`, `timeout`, or the HTTP header's name. */
  readonly source: string;
  /** Where the limit was set, when known. */
  readonly stack: Stack | undefined;
}

/** What was concluded about a cancelled operation. */
export interface Cancellation {
  readonly outcome: Outcome;
  readonly initiator: Initiator;
  readonly trigger: Trigger;
  readonly phase: Phase;
  readonly reason: unknown;
  readonly stack: Stack | undefined;
  readonly rstCode: number | undefined;
  /** On the clock of performance.now(), in ms. */
  readonly atMs: number;
  /** The operation that was cancelled first, when this one follows it. */
  readonly cause: Operation | undefined;
}

/** What the application knows of an incoming operation: the signal and the limit of its work. */
export interface WorkScope {
  /** On the clock of performance.now(), in ms; Infinity: no limit. */
  readonly deadlineAtMs: number;
  /** Nobody waits for the work any more. */
  cancel(outcome: Outcome): void;
  /** The work is done. */
  close(): void;
}

/** One gRPC call, HTTP request or HTTP/2 stream, seen from one of its two sides. */
export class Operation {
  readonly side: Side;
  readonly system: System;
  span: Span;
  /** True when we started the span and so have to end it; false when another instrumentation did. */
  readonly ownsSpan: boolean;
  /** The context in which the operation runs: holds the span and, on a server, this operation. */
  context: Context;
  /** The incoming operation of this process that this outgoing one works for. */
  readonly owner: Operation | undefined;
  /** On the clock of performance.now(), in ms. */
  readonly startedAtMs: number;
  /** What is called, as metrics name it: `pkg.Service/Method`, or the HTTP method. Undefined when nobody counts. */
  method: string | undefined = undefined;
  /** Of an incoming HTTP request that is over: `http.route`, when somebody counts and it is known. */
  route: string | undefined = undefined;
  deadline: Deadline | undefined = undefined;
  cancellation: Cancellation | undefined = undefined;
  /** The most serious rule about broken propagation that fired. */
  finding: FindingRule | undefined = undefined;
  isSettled = false;
  /** Its neighbours in OpenOperations, while it is there. */
  earlierOpen: Operation | undefined = undefined;
  laterOpen: Operation | undefined = undefined;
  /** Of an outgoing operation that has an owner: the stack of whoever started it. */
  startStack: Stack | undefined = undefined;
  /** Of an outgoing operation that is to end with its owner: ends it. */
  stop: (() => void) | undefined = undefined;
  /** Of an incoming operation: outgoing ones made for it that are not over. */
  pending: Set<Operation> | undefined = undefined;
  /** Of an incoming operation whose handler asked for it. */
  scope: WorkScope | undefined = undefined;
  /** Of an incoming operation: what its handler writes its answer to, if anything. */
  answer: object | undefined = undefined;
  /** Of an incoming operation: what its handler returned, which tells later whether it is still at work. */
  handled: unknown = undefined;
  /** Of an operation that was cancelled, while there is work for it: until its handler is known to have settled, or its stream to have ended. */
  lateWork: LateWork | undefined = undefined;

  constructor(
    side: Side,
    system: System,
    span: Span,
    ownsSpan: boolean,
    context: Context,
    owner: Operation | undefined,
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
}

import type { Context, Span } from '@opentelemetry/api';
import type { Initiator, Outcome, Phase, Stack, Trigger } from './evidence.ts';

export type Side = 'client' | 'server';
/** `grpc`, `http`, `http2`, or the name of one that an integration describes. */
export type System = string;

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
  /** Of an incoming operation: for how long it may have waited to be read, since the event loop was behind; in ms. */
  readLateMs?: number;
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
  /** Status code of an answer of HTTP that is a failure, whatever became of its body. */
  readonly errorStatus: number | undefined;
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

/**
 * One gRPC call, HTTP request or HTTP/2 stream, seen from one of its two sides: what everybody knows of it. The recorder
 * makes it, and alone writes it, but for what is said to be written elsewhere.
 */
export interface Operation {
  readonly side: Side;
  readonly system: System;
  readonly span: Span;
  /** True when we started the span and so have to end it; false when another instrumentation did. */
  readonly ownsSpan: boolean;
  /** The context in which the operation runs: holds the span and, on a server, this operation. */
  readonly context: Context;
  /** On the clock of performance.now(), in ms. */
  readonly startedAtMs: number;
  readonly deadline: Deadline | undefined;
  readonly cancellation: Cancellation | undefined;
  readonly isSettled: boolean;
  /** Of an outgoing operation: the incoming one of this process that it works for. */
  readonly owner: Operation | undefined;
  /** Of an incoming operation: what its handler writes its answer to, if anything. Written by its integration. */
  answer: object | undefined;
  /** Of an incoming operation: where the limit was set that passed last in its work. Written by whoever sees one pass. */
  limitSetAt: Stack | undefined;
  /** Of an incoming operation whose handler asked for it: `deadline/` makes it. */
  scope: WorkScope | undefined;
  /** Of an incoming operation: its handler may wait for what is not for it. Written by `deadline/`. */
  hasDetached: boolean;
}

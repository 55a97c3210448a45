/**
 * What can be seen of the end of an operation, in words that hold for every library.
 * A closed union: a new kind breaks the build until classify() says what it means.
 */
import type { CapturedStack } from './captured-stack.ts';

export type Outcome = 'canceled' | 'deadline_exceeded';
export type Initiator = 'local' | 'peer' | 'inherited';
export type ClientPhase = 'queued' | 'dns' | 'connect' | 'tls' | 'send' | 'wait' | 'receive';
export type ServerPhase = 'read' | 'handle' | 'write';
export type Phase = ClientPhase | ServerPhase;
export type Trigger =
  | 'abort'
  | 'cancel'
  | 'destroy'
  | 'body_cancel'
  | 'disconnect'
  | 'reset'
  | 'status'
  | 'shutdown'
  | 'deadline'
  | 'signal_timeout'
  | 'timeout'
  | 'parent'
  | 'exit';

/** A stack that was either captured by us or formatted by somebody else (`error.stack`). */
export type Stack = CapturedStack | string;

interface Seen {
  readonly phase: Phase;
  /** HTTP/2 error code (RFC 9113, section 7) when a RST_STREAM was involved. */
  readonly rstCode?: number | undefined;
  /** Status code of an answer of HTTP that had begun by then and is an error. */
  readonly errorStatus?: number | undefined;
}

/** An AbortSignal that the operation listens to has fired. */
export interface SignalFired extends Seen {
  readonly kind: 'signal';
  readonly reason: unknown;
  /** True for AbortSignal.timeout(), also through AbortSignal.any(). */
  readonly isTimeout: boolean;
  /** Of the caller of abort(); for a timeout, of the call that made the signal. */
  readonly stack: Stack | undefined;
}

/** Code of this process ended the operation by a call. */
export interface LocalCall extends Seen {
  readonly kind: 'local';
  readonly trigger: 'cancel' | 'destroy' | 'body_cancel' | 'shutdown';
  readonly reason: unknown;
  readonly stack: Stack | undefined;
}

/** A limit that this process itself watches has passed. */
export interface LocalTimeout extends Seen {
  readonly kind: 'local-timeout';
  readonly trigger: 'deadline' | 'timeout';
  readonly reason: unknown;
  /** Of the call that set the limit. */
  readonly stack: Stack | undefined;
}

/** The peer's connection went away while the operation ran. */
export interface PeerGone extends Seen {
  readonly kind: 'peer-gone';
}

/** The peer reset the stream; the connection stands. */
export interface PeerReset extends Seen {
  readonly kind: 'peer-reset';
  readonly reason?: unknown;
}

/** The peer answered with a status that means cancelled or too late. */
export interface PeerStatus extends Seen {
  readonly kind: 'peer-status';
  readonly outcome: Outcome;
  readonly reason: unknown;
}

/** The handler of this process answered with such a status. */
export interface OwnStatus extends Seen {
  readonly kind: 'own-status';
  readonly outcome: Outcome;
  readonly reason: unknown;
  readonly stack: Stack | undefined;
}

/** The library itself passed the end of a parent operation on to this one. */
export interface ParentEnded extends Seen {
  readonly kind: 'parent';
  readonly outcome: Outcome;
  readonly reason: unknown;
  readonly stack: Stack | undefined;
}

/** What ends the process, or the worker thread. */
export interface ProcessEnd {
  readonly reason: unknown;
  /** On the clock of performance.now(), in ms: the same for all that is cut. */
  readonly atMs: number;
  /** Of the call of process.exit(), or of the error that nobody caught. */
  readonly stack: Stack | undefined;
}

/** The process ends while the operation is in flight. */
export interface ProcessEnded extends Seen, ProcessEnd {
  readonly kind: 'process-end';
}

/** For thousands at once: one shape for all, and no spread, which is slow. */
export function endedBy({ reason, stack, atMs }: ProcessEnd, phase: Phase): ProcessEnded {
  return { kind: 'process-end', phase, reason, stack, atMs };
}

export type Evidence =
  | SignalFired
  | LocalCall
  | LocalTimeout
  | PeerGone
  | PeerReset
  | PeerStatus
  | OwnStatus
  | ParentEnded
  | ProcessEnded;

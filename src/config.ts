/** Options: what a user may say, and what it means when nothing is said. */
import type { OutgoingDeadlineHeader } from './cancellation/deadline-headers.ts';
import type { Integration } from './integration.ts';
import type { Outcome } from './operation/evidence.ts';
import type { Side } from './operation/operation.ts';

/** The span status of cancelled operations; see `status` below. */
export interface StatusConfig {
  /** gRPC CLIENT spans of calls that somebody cancelled. @default 'error' */
  grpcClient?: 'error' | 'unset';
  /** gRPC SERVER spans of such calls. @default 'unset' */
  grpcServer?: 'error' | 'unset';
  /** HTTP CLIENT spans of such requests. @default 'unset' */
  httpClient?: 'error' | 'unset';
  /** HTTP SERVER spans of such requests. @default 'unset' */
  httpServer?: 'error' | 'unset';
  /** Every span of an operation whose time limit passed. @default 'error' */
  deadline?: 'error' | 'unset';
}

/** Passing on to outgoing operations what the incoming one they work for has; see `propagate` below. */
export interface PropagateConfig {
  /**
   * Header by which outgoing HTTP requests tell what is left of the time: `X-Request-Deadline` (ms since 1970),
   * or one of the relative `Timeout-Ms`, `X-Request-Timeout`, `Connect-Timeout-Ms`, `grpc-timeout`. A request that
   * has the header already keeps it. Of node:http, node:http2, fetch() and undici. @default undefined: none
   */
  httpDeadline?: OutgoingDeadlineHeader;
  /**
   * Whether outgoing gRPC calls get the time that is left as their deadline, unless theirs is earlier: those of
   * grpc-js, and as `grpc-timeout` those of other clients (Connect), where they have none. @default false
   */
  grpcDeadline?: boolean;
  /** Kept back for the way and for the answer, in ms: 0 to 60 000. @default 0 */
  marginMs?: number;
  /**
   * Whether outgoing operations are cancelled when the incoming one is. They then fail as if the application had
   * cancelled them: a request emits 'error', which it must listen to, fetch() rejects, and a query of `pg` or `mysql2`
   * fails as if the database had cancelled it.
   * @default false
   */
  cancel?: boolean;
  /**
   * Whether `cancel` reaches statements within a transaction as well. The application has to roll back, as after any
   * error. COMMIT and the like are never cancelled. @default false
   */
  cancelInTransaction?: boolean;
}

/**
 * Called for each text that is written on a span, before it is: `cancel.reason`, `cancel.stacktrace`, `url.full`, … of the
 * events as well; `otel.status_description` is the message of a status. Returns what is written in its place; undefined: nothing is.
 */
export type Redact = (key: string, value: string) => string | undefined;

/** From HTTP status code, 100 to 599, to what it means. */
export type CancelStatusCodes = Readonly<Record<number, 'context.canceled' | 'deadline_exceeded'>>;

export interface CancellationInstrumentationConfig {
  /** Whether it is switched on from the start; see `enable()`. @default true */
  enabled?: boolean;
  /**
   * What is instrumented. To add your own: `[...defaultIntegrations, mine]`.
   * @default defaultIntegrations
   */
  integrations?: readonly Integration[];
  /**
   * Span status of cancelled operations. The defaults are those of the OpenTelemetry semantic
   * conventions for HTTP and RPC.
   */
  status?: StatusConfig;
  /**
   * HTTP response status codes that say that the operation was cancelled: by whoever answered, told on CLIENT spans, and by
   * the handler itself, on SERVER spans. One table for both, or one for each side, of which what is left out keeps its
   * default. A table replaces the default; `{}` switches it off.
   * @default { 408: 'deadline_exceeded', 499: 'context.canceled', 504: 'deadline_exceeded' }
   */
  cancelStatusCodes?: CancelStatusCodes | { client?: CancelStatusCodes; server?: CancelStatusCodes };
  /**
   * Frames kept of the stack of whoever cancelled: 1 to 200. The frames of Node and of libraries
   * between the cancel and the line that caused it count.
   * @default 40
   */
  maxStackFrames?: number;
  /**
   * Whether to write down what `abort(reason)`, `destroy(error)` and the like were given: `cancel.reason`. @default true
   */
  captureReason?: boolean;
  /**
   * What texts may not say: called for each of those that are written, or patterns of which every match becomes `REDACTED` (texts of
   * patterns are regular expressions, for set-ups that are JSON). Of spans of others only what is added to them.
   * @default undefined: all is written
   */
  redact?: Redact | readonly (RegExp | string)[];
  /**
   * Whether to take a stack where a time limit is set (gRPC deadline, AbortSignal.timeout(), `timeout`
   * option), so that a missed one can name the line. Costs some µs for every operation that has one.
   * @default true
   */
  captureDeadlineStack?: boolean;
  /**
   * What is passed on to outgoing operations. Changes what the application does, so nothing is unless told.
   * @default {}
   */
  propagate?: PropagateConfig;
  /**
   * Whether to take a stack where an incoming operation's handler starts an outgoing one, so that a cancel can
   * name what the handler was waiting for. Costs some µs for every such operation; of spans of others at most 200
   * are taken a second.
   * @default true
   */
  capturePendingStack?: boolean;
  /**
   * Whether what a handler does for an incoming operation is for that one alone: it is to end when that is cancelled, and within
   * its time. It is a finding when it does not: `cancel_not_propagated`, `late_operation`, `work_after_cancel`,
   * `deadline_dropped`, `deadline_extended`. What is meant to go on all the same (an order that is finished, a cache that is filled, a
   * request that several wait for) is called by `detached()`; in a service that does so everywhere, this is false.
   * @default true
   */
  workEndsWithRequest?: boolean;
  /**
   * A handler that goes on for longer than this after its operation was cancelled is a finding,
   * in ms: 0 to 86 400 000.
   * @default 100
   */
  workAfterCancelMs?: number;
  /**
   * A handler that goes on for longer than this is recorded as not settled and no longer watched, in ms: 1 to
   * 86 400 000.
   * @default 60000
   */
  maxWorkAfterCancelMs?: number;
  /**
   * Whether a handler that is at work for a cancelled operation says so while it is, every two seconds, by a span `work goes
   * on`: for the page of `cancel-trace`, whose `run` switches it on. Elsewhere such spans are only in the way.
   * @default false
   */
  announceWork?: boolean;
  /**
   * Whether to follow the promises, timers, sockets and other async resources that the handler of an incoming
   * operation makes, so that a cancel can name those that were pending. Slows down all of the process, since Node
   * then reports every promise: for the hunt of a hang rather than for every day.
   * @default false
   */
  trackAsync?: boolean;
  /**
   * Whether an outgoing operation without a parent that is started while exactly one incoming operation is in flight is
   * the finding `context_lost`. A guess: a heartbeat, a scheduled job and a process that calls itself look the same. For
   * the hunt of a lost context, in a process that does nothing of its own.
   * @default false
   */
  guessLostContext?: boolean;
}

export interface ResolvedPropagateConfig {
  readonly httpDeadline: OutgoingDeadlineHeader | undefined;
  readonly grpcDeadline: boolean;
  readonly marginMs: number;
  readonly cancel: boolean;
  readonly cancelInTransaction: boolean;
}

export interface ResolvedConfig {
  readonly integrations: readonly Integration[];
  readonly status: Readonly<Required<StatusConfig>>;
  /** From HTTP status code to what it means. */
  readonly cancelStatusCodes: Readonly<Record<Side, ReadonlyMap<number, Outcome>>>;
  readonly maxStackFrames: number;
  readonly captureReason: boolean;
  readonly redact: Redact | undefined;
  readonly captureDeadlineStack: boolean;
  readonly capturePendingStack: boolean;
  readonly propagate: ResolvedPropagateConfig;
  readonly workEndsWithRequest: boolean;
  readonly workAfterCancelMs: number;
  readonly maxWorkAfterCancelMs: number;
  readonly announceWork: boolean;
  readonly trackAsync: boolean;
  readonly guessLostContext: boolean;
}

/** What an integration can ask for and tell: the recorder, as the integrations see it. */
import type { Context, Span, SpanKind, TextMapGetter, TextMapSetter } from '@opentelemetry/api';
import type { AbortOrigins, SignalStory } from './cancellation/abort-origins.ts';
import type { Headers } from './cancellation/deadline-headers.ts';
import type { Undo } from './hook/replace.ts';
import type { CapturedStack, StackTop } from './operation/captured-stack.ts';
import type { Settlement, SpanDescription } from './operation/description.ts';
import type { Evidence, Outcome, ProcessEnd } from './operation/evidence.ts';
import type { FindingRule } from './operation/finding.ts';
import type { Deadline, Operation, Side, System } from './operation/operation.ts';

export interface ContextEntry {
  readonly key: symbol;
  readonly value: unknown;
}

/** Reads a header of a request by its name in lower case; undefined when it has none of that name. */
export type ReadHeader<Request> = (request: Request, name: string) => unknown;

/** A header to add to a request. */
export interface DeadlineHeader {
  /** In the usual spelling; HTTP/2 wants lower case. */
  readonly name: string;
  readonly value: string;
}

/** A server, as far as it has to be known. */
export interface ListeningServer {
  readonly listening: boolean;
}

/** Makes an operation of what has waited in a queue of a library, since `startTime`. */
export type StartWaiting = (description: SpanDescription, parent: Context) => Operation;

/** Ends an operation, whose `subject` is whatever its integration knows it by, when the process ends: cancels and settles it. */
export type EndWithProcess<Subject extends object> = (host: Host, subject: Subject, end: ProcessEnd) => void;

export interface Host {
  readonly abortOrigins: AbortOrigins;

  /** True inside of suppressTracing(), such as in an exporter's own requests: then nothing is to be recorded. */
  isSuppressed(): boolean;

  /** The context in which nothing is recorded. */
  suppress(context: Context): Context;

  /**
   * The span that another instrumentation made for the operation at hand: the active one, when it has
   * this kind and comes from one of these scopes, is recording and no unsettled operation has claimed it.
   *
   * @param active where the span is looked for. @default the active context
   */
  officialSpan(kind: SpanKind, scopeNames: readonly string[], active?: Context): Span | undefined;

  /** To be called before others see the operation: vendors' tracers that are there by now are listened to. */
  noticeVendors(): void;

  /** True when a vendor's tracer makes the spans of HTTP. What it makes none of, such as its own requests, is to have none. */
  isVendorInCharge(): boolean;

  /** Calls back, in this turn or never, with the next span of this kind and of one of these scopes that a vendor starts. */
  whenStarted(kind: SpanKind, scopeNames: readonly string[], started: (span: Span) => void): void;

  /**
   * The span that an official instrumentation made for the operation at hand, when it is not sampled: there is
   * nothing to write on it, but the operation counts in metrics. Undefined when there are none. Only to be asked for
   * where that instrumentation is there.
   */
  unsampledSpan(side: Side): Span | undefined;

  /**
   * An operation on the official span, which stays the official instrumentation's to name and to end.
   * @param method what is called, for metrics: `pkg.Service/Method`, or the HTTP method
   * @param above as in start()
   */
  adopt(side: Side, system: System, span: Span, method?: string, above?: StackTop): Operation;

  /** The official span of the operation is over before the operation is, and there is another, which is the active one. */
  adoptNext(operation: Operation, span: Span): void;

  /**
   * An operation with a span of our own. `parent` defaults to the active context.
   *
   * @param entry what its own context holds besides
   * @param above a function that is on the stack, whose callers started the operation. By default this one
   */
  start(description: SpanDescription, parent?: Context, entry?: ContextEntry, above?: StackTop): Operation;

  /**
   * Calls `fn` in the operation's context: its span is active, and what it starts is owned by it. Throws only what
   * `fn` throws, so it needs no guard.
   */
  run<T>(
    operation: Operation,
    fn: (this: unknown, ...args: never[]) => T,
    thisArg: unknown,
    args: ArrayLike<unknown>,
  ): T;

  /** Writes the operation's trace context, by the configured propagator. */
  inject<Carrier>(operation: Operation, carrier: Carrier, setter: TextMapSetter<Carrier>): void;

  /**
   * The context that a request carries. The active one is no part of it: it is that of whoever opened the
   * connection or made the server.
   */
  extract<Carrier>(carrier: Carrier, getter: TextMapGetter<Carrier>): Context;

  /** Says what time limit the operation has. At most once, early. */
  setDeadline(operation: Operation, deadline: Deadline): void;

  /**
   * Says what time limit an outgoing operation has: that of the headers that it sends (names in lower case) or its own, whichever
   * is first, and none where there is neither; and what of the headers is malformed.
   *
   * @param own of its signal or its options
   * @param above the hook, whose callers made the request; undefined when they are not on the stack
   */
  sendDeadline(
    operation: Operation,
    headers: Headers | undefined,
    own: Deadline | undefined,
    above: StackTop | undefined,
  ): void;

  /**
   * Reads the time limit of an incoming operation from its headers (names in lower case), and says what of it is
   * malformed.
   */
  readDeadline(operation: Operation, headers: Headers): void;

  /**
   * The limit that a gRPC call started here should pass on, where the options say so, on the clock of performance.now(),
   * in ms: that of the incoming operation it works for, less the margin. Undefined when there is none.
   */
  limitToPassOn(): number | undefined;

  /**
   * The header by which an outgoing request tells what is left of the time of the incoming operation it works for,
   * where the options say so: the operation then has that limit, unless its own is earlier. After setDeadline().
   * Undefined when there is nothing to tell, or the request tells it by itself.
   */
  tellDeadline<Request>(
    operation: Operation,
    request: Request,
    read: ReadHeader<Request>,
  ): DeadlineHeader | undefined;

  /** Whether what is started here ends with an incoming operation: the options say so, and the code at hand works for one. */
  stopsWithOwner(): boolean;

  /**
   * Of the cancelled incoming operation that the code at hand works for: the requests, told apart by whoever asks, of which the
   * first try was made since the cancel. Undefined where nothing that is started here ends with it, and until it is cancelled.
   */
  triedSinceCancel(): Set<string> | undefined;

  /**
   * How to end an outgoing operation together with the incoming one that it works for, where the options say so. An error
   * that has this reason, or is it, and that nobody handles, does not end the process.
   */
  stopWithOwner(operation: Operation, stop: (reason: Error) => void): void;

  /**
   * How the operation is ended when the process ends, so that it is recorded how far it was and what is known of it. Without that
   * it is recorded as far as it is known here.
   *
   * @param end the same function for all, which keeps nothing
   */
  endsWithProcess<Subject extends object>(
    operation: Operation,
    subject: Subject,
    end: EndWithProcess<Subject>,
  ): void;

  /**
   * What waits in a queue, and is no operation yet, is one that the process's end cuts: `begin` is called then, before anything
   * is recorded.
   */
  beforeProcessEnd(begin: (start: StartWaiting) => void): Undo;

  /** What a status code of HTTP says of a cancel, received or sent, by the options: undefined for any other. */
  outcomeOfStatus(side: Side, statusCode: number): Outcome | undefined;

  /**
   * As stopWithOwner(), for work that is no operation here, such as a query: `stop` is called when the incoming operation that
   * the code at hand works for is cancelled.
   *
   * @returns to be called when the work is over. Undefined when `stop` will not be called: the code works for none, or
   *   for one that is over or cancelled by now, or the options say that nothing ends with it.
   */
  stopWithIncoming(stop: () => void): Undo | undefined;

  /** Whether the options say that of such work a database's statement within a transaction ends, too. */
  readonly stopsInTransaction: boolean;

  /** A stack of the callers of `above` for a deadline, or undefined when the options say so. */
  captureDeadlineStack(above: StackTop): CapturedStack | undefined;

  /** A stack of the callers of `above`. */
  captureStack(above: StackTop): CapturedStack;

  /**
   * The operation was cancelled: classifies and records at once, before anybody else ends the span.
   * The first evidence counts; anything after it, or after settle(), is ignored.
   *
   * @param isConnectionAlive of an outgoing operation that has a connection: whether that one outlives the cancel
   */
  cancel(operation: Operation, evidence: Evidence, isConnectionAlive?: boolean): void;

  /** Whether what runs now does so for this incoming operation. */
  isWorkOf(operation: Operation): boolean;

  /** Whether the process has been told to end, by a signal: `register` hears of it, or the application says so. */
  isToldToEnd(): boolean;

  /** A server is about to take connections. */
  serverListens(server: ListeningServer): void;

  /**
   * A server that listens is about to take no more connections.
   * @param stack of whoever closes it
   */
  serverCloses(server: ListeningServer, stack: CapturedStack): void;

  /**
   * All connections of a server that listens are about to be cut.
   * @param stack of whoever cuts them
   */
  serverCuts(stack: CapturedStack): void;

  /**
   * The limit of a timeout signal passes in the work for an incoming operation: that it is answered with an error by
   * whoever hears of it is a missed limit. Returns what is to be called when everybody has heard.
   */
  limitPasses(story: SignalStory): (() => void) | undefined;

  /** From now on jobs are operations: the CONSUMER spans that others make. Returns the undo. */
  watchJobs(): Undo;

  /**
   * The job that the code at hand works for, when its queue's instrumentation made a span for it.
   *
   * @param kind of the active span, which is taken for the job's when that is none yet. @default CONSUMER
   */
  job(kind?: SpanKind): Operation | undefined;

  /** Says what a job was given by, such as a channel of its queue, until it is over. */
  takenFrom(job: Operation, source: object): void;

  /** The jobs in flight that were given by it, oldest first. */
  jobsFrom(source: object): Operation[];

  /** Of an incoming operation that somebody else runs: what its handler returned, which tells how long it is at work. */
  handledBy(operation: Operation, result: unknown): void;

  /** The same handler is done. Without it that is found out within 10 ms. */
  handlerReturned(operation: Operation): void;

  /** The context in which nothing is work for a job: for what its queue does at its end. */
  aside(context: Context): Context;

  /** The handler of a job failed. It is cancelled when the error comes from a signal that was aborted, or whose limit has passed. */
  jobFailed(job: Operation, error: unknown): void;

  /** A rule about broken propagation fired. Before settle(). */
  addFinding(operation: Operation, rule: FindingRule, detail: string): void;

  /**
   * A handler wrote to an operation that was cancelled: a message, a part of a body, or its end.
   * @param isEnd true when it will write no more
   */
  lateWrite(operation: Operation, isEnd: boolean): void;

  /** The application was given a message of an operation that was cancelled. */
  lateMessage(operation: Operation): void;

  /**
   * A handler answered an operation that was cancelled, with a status and no message; or the end of what a
   * client received was reached.
   */
  lateEnd(operation: Operation): void;

  /** Whether a settlement has any effect: on an official span it has none, except in metrics. */
  isEndTold(operation: Operation): boolean;

  /** The operation is over. Exactly the first call counts. Ends our own span, and an official one that would never end. */
  settle(operation: Operation, settlement?: Settlement): void;
}

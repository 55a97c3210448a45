/**
 * What of grpc-js's own objects is read, in 1.9 to 1.14. None of it is public: everything that is
 * declared here holds in the whole supported range, or says from which version on it is there.
 */
import type { AnyFunction } from '../../hook/replace.ts';
import type { Evidence, Stack } from '../../operation/evidence.ts';
import type { Operation } from '../../operation/operation.ts';

export const GRPC_PACKAGE = '@grpc/grpc-js';
/** Before 1.9 nobody looked; 2 may be anything. */
export const SUPPORTED_VERSIONS: readonly string[] = ['>=1.9.0 <2'];

/** The operation of a call, on the ResolvingCall (client) or the base call (server). */
export const kOperation: unique symbol = Symbol('opentelemetry.cancellation.grpc.operation');
/** The server call that was given as `parent`, on the ResolvingCall. */
export const kParent: unique symbol = Symbol('opentelemetry.cancellation.grpc.parent');
/** The handler has answered in the turn in which the requests ended, on the base call. */
export const kAnswered: unique symbol = Symbol('opentelemetry.cancellation.grpc.answered');
/** How a call ended that was never started, on the ResolvingCall. */
export const kHeldEnd: unique symbol = Symbol('opentelemetry.cancellation.grpc.heldEnd');

/** The HTTP/2 session of a server's stream, kept from its start: the stream forgets it when it is destroyed. */
export const kSession: unique symbol = Symbol('opentelemetry.cancellation.grpc.session');
/** On a session that its server destroys. */
export const kShutdown: unique symbol = Symbol('opentelemetry.cancellation.grpc.shutdown');

export interface Metadata {
  get(key: string): unknown[];
  set(key: string, value: string): void;
  getMap(): object;
}

export interface StatusObject {
  readonly code: number;
  readonly details: string;
  /** Only in what an HTTP/2 stream ended with, and only when no status came from the server. */
  readonly rstCode?: number;
}

export interface Channel {
  getTarget(): string;
}

/** Arguments of Channel.createCall(). */
export type CallArgs = [
  method: string,
  deadline: number | Date,
  host: unknown,
  parent: SurfaceCall | null | undefined,
  flags: unknown,
];

/** The connection below a call: one object for each HTTP/2 session. */
export interface Transport {
  getPeerName(): string;
  readonly session: { readonly destroyed: boolean };
}

/** Http2SubchannelCall: one HTTP/2 stream. */
export interface StreamCall {
  getStatus(): StatusObject | null;
  readonly transport: Transport;
  readonly http2Stream: { readonly readableDidRead: boolean; readonly writableLength: number };
  /** From 1.12.7 on: then a lost connection has status UNAVAILABLE, and CANCELLED is a reset. */
  readonly connectionDropped?: boolean;
}

/** LoadBalancingCall: one attempt. */
export interface Attempt {
  readonly child: StreamCall | null;
  readonly ended: boolean;
}

interface RetryingCall {
  readonly underlyingCalls: readonly { readonly call: Attempt }[];
  readonly committedCallIndex: number | null;
}

/** What Channel.createCall() returns: one call of the application, whatever attempts it takes. */
export interface ResolvingCall {
  cancelWithStatus(code: number, details: string): void;
  readonly ended: boolean;
  readonly deadline: number | Date;
  readonly metadata: Metadata | null;
  /** Null until the name is resolved and the call's configuration known. */
  readonly filterStack: object | null;
  /** Null until the metadata filters have run. An Attempt where retries are switched off, up to 1.12. */
  readonly child: RetryingCall | Attempt | null;
  readonly channel: { readonly connectivityState: number };
  [kOperation]?: Operation;
  [kParent]?: SurfaceCall;
  [kHeldEnd]?: HeldEnd;
}

/** What a call has of Node's streams, where it is one. */
export interface CallStream {
  readonly destroyed: boolean;
  readonly writableFinished?: boolean;
}

/** What the application has of a call of its own. */
export interface ClientStream extends CallStream {
  /** Interceptors, the innermost of which has the call itself. */
  readonly call?: Intercepting;
}

interface Intercepting {
  readonly nextCall?: Intercepting;
  readonly call?: ResolvingCall;
}

export interface StreamClass {
  readonly prototype: object;
}

export interface HeldEnd {
  /** Undefined when it is no cancel. */
  readonly evidence: Evidence | undefined;
  readonly status: StatusObject;
}

/** What a server keeps of a handler. */
export interface HandlerEntry {
  func: AnyFunction;
  readonly path: string;
  readonly type: string;
}

/** A server call as the handler gets it: of a unary call, too, a stream from 1.10 on. */
export interface SurfaceCall extends CallStream {
  readonly metadata: Metadata;
  readonly call?: BaseServerCall | InterceptedServerCall;
  getDeadline(): number | Date;
}

interface InterceptedServerCall {
  readonly nextCall: BaseServerCall | InterceptedServerCall;
}

/** BaseServerInterceptingCall, or Http2ServerCallStream before 1.10. */
export interface BaseServerCall {
  readonly nextCall?: undefined;
  readonly stream: ServerStream;
  /** Also true once a status was sent (from 1.10 on). */
  readonly cancelled: boolean;
  readonly metadataSent: boolean;
  readonly deadline: number | Date;
  /** From 1.10 on. */
  readonly metadata: Metadata;
  /** From 1.10 on. */
  readonly handler?: { readonly path: string; readonly type: string };
  [kOperation]?: Operation;
  [kAnswered]?: true;
}

export interface ServerStream {
  readonly session?: ServerSession;
  readonly destroyed: boolean;
  readonly closed: boolean;
  readonly rstCode: number | undefined;
  readonly readableEnded: boolean;
  [kSession]?: ServerSession | undefined;
}

export interface ServerSession {
  readonly destroyed: boolean;
  readonly socket?: {
    readonly localAddress?: string;
    readonly localPort?: number;
    readonly remoteAddress?: string;
    readonly remotePort?: number;
  };
  readonly closed?: boolean;
  [kShutdown]?: Teardown;
}

/** The server ends a connection. */
export interface Teardown {
  /** Of whoever asked for it, if it was asked for. */
  readonly stack: Stack | undefined;
  readonly reason: string | undefined;
}

/** The connection is gone already, and nothing is known of it. */
export const GONE: ServerSession = { destroyed: true };

/** @throws {TypeError} when there is no such class: the library is not the one we know */
export function prototypeOf(streamClass: StreamClass | undefined): object {
  if (streamClass === undefined) throw new TypeError('a stream class of grpc-js is missing');
  return streamClass.prototype;
}

export function callOf(stream: ClientStream): ResolvingCall | undefined {
  let intercepting = stream.call;
  while (intercepting?.nextCall !== undefined) intercepting = intercepting.nextCall;
  return intercepting?.call;
}

/** The attempt that decides, or else the last one. */
export function attemptOf(call: ResolvingCall): Attempt | undefined {
  const { child } = call;
  if (child === null) return undefined;
  if (!('underlyingCalls' in child)) return child;
  return child.underlyingCalls[child.committedCallIndex ?? child.underlyingCalls.length - 1]?.call;
}

/** Whether the connection of a call stands. Undefined when there is none yet. */
export function isConnected(call: ResolvingCall): boolean | undefined {
  const session = attemptOf(call)?.child?.transport.session;
  return session && !session.destroyed;
}

/** The session of a stream, which the stream forgets when it is destroyed. To be called while it knows. */
export function keepSession(stream: ServerStream): ServerSession | undefined {
  stream[kSession] ??= stream.session;
  return stream[kSession];
}

/** The innermost call of a server, below its interceptors. */
export function baseOf(surface: SurfaceCall | undefined): BaseServerCall | undefined {
  let call = surface?.call;
  while (call?.nextCall !== undefined) call = call.nextCall;
  return call?.stream === undefined ? undefined : call;
}

/** A handler that answers by its callback, and not by the stream that it is given. */
export function answersByCallback(type: string | undefined): boolean {
  return type === 'unary' || type === 'clientStream';
}

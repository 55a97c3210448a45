/** A call of fetch() or dispatch(): becomes a request at once, later (from a queue), several times (redirects), or never. */
import { type Context, createContextKey } from '@opentelemetry/api';
import type { Stack } from '../../operation/evidence.ts';
import type { Target } from './description.ts';
import type { Exchange } from './exchange.ts';
import type { StreamEnd } from './own-streams.ts';

/** Where a fetch() in progress is found by the requests it makes. */
export const CALL_KEY: symbol = createContextKey('opentelemetry.cancellation.undici.call');

/** fetch() follows redirects, and tries again when the server calls itself the wrong one (421). */
export const FOLLOWED: ReadonlySet<number> = new Set([301, 302, 303, 307, 308, 421]);

export class Call {
  /** Let go of when no request is in flight: connections keep the context, and so the call, of whoever opened them. */
  signal: AbortSignal | undefined;
  /** The context of the caller. */
  readonly parent: Context;
  /** On the clock of performance.now(), in ms. */
  readonly startedAtMs: number;
  /** What is called; let go of when there is a request that knows. */
  target: (() => Target | undefined) | undefined;
  /** Of the call, when it sets a time limit. */
  limitStack: Stack | undefined = undefined;
  /** Of a fetch() that is to end with the incoming operation it works for. */
  stopper: AbortController | undefined = undefined;
  /** What fetch() was given for its signal, when that is not the application's. */
  follower: AbortSignal | undefined = undefined;
  /** Between two requests of a fetch(): the signal that it was given, which it keeps alive for as long as it goes on. */
  between: WeakRef<AbortSignal> | undefined = undefined;
  /** The request that it last became, while that is in flight: it has what the application gave to fetch(), its signal among it. */
  exchange: Exchange | undefined = undefined;
  /** False of a fetch() that is over with a redirect: `manual`, `error`. */
  followsRedirects = true;
  /** False while a request is in flight and when no other can follow. */
  expectsRequest = true;
  /** Of undici.stream() and pipeline(): who destroyed a stream that the application has of it. */
  hasOwnStreams = false;
  streamEnd: StreamEnd | undefined = undefined;
  /** What undici.stream() writes to. */
  sink: object | undefined = undefined;
  /** All calls that wait in the same pool, this one among them. */
  queue: Set<Call> | undefined = undefined;
  /** It is made in another context than that of the caller. */
  isElsewhere = false;
  /** It was cancelled, and recorded, before there was a request. */
  isReported = false;

  constructor(signal: AbortSignal | undefined, parent: Context, target: () => Target | undefined) {
    this.signal = signal;
    this.parent = parent;
    this.startedAtMs = performance.now();
    this.target = target;
  }
}

export function leaveQueue(call: Call): void {
  call.queue?.delete(call);
  call.queue = undefined;
}

/** Of calls with a stopper that are between two requests, by their follower. */
const stoppable = new WeakMap<AbortSignal, Pick<Call, 'signal' | 'stopper'>>();

/** The call is over, or one request of it is: others may follow (a redirect). */
export function letGo(call: Call): void {
  const given = call.follower ?? call.signal;
  if (call.expectsRequest && given !== undefined) {
    if (call.stopper !== undefined) stoppable.set(given, { signal: call.signal, stopper: call.stopper });
    call.between = new WeakRef(given);
  }
  call.signal = undefined;
  call.stopper = undefined;
  call.follower = undefined;
  call.target = undefined;
  call.streamEnd = undefined;
  call.sink = undefined;
}

/** False also of a fetch() that went nowhere after a redirect: that it is over is known only when its signal is gone. */
export function canFollow(call: Call): boolean {
  return call.expectsRequest && (call.between === undefined || call.between.deref() !== undefined);
}

/** The next request of the call is there. */
export function takeUp(call: Call): void {
  call.expectsRequest = false;
  call.target = undefined;
  const given = call.between?.deref();
  if (given === undefined) return;
  call.between = undefined;
  const kept = stoppable.get(given);
  call.signal = kept === undefined ? given : kept.signal;
  call.stopper = kept?.stopper;
  call.follower = kept && given;
}

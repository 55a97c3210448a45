/** Calls that wait in a pool, all of whose connections are busy. */
import type { Installation } from '../../hook/installation.ts';
import type { Host } from '../../integration.ts';
import type { Call } from './call.ts';
import { abortCall } from './call-end.ts';
import { watchSignal } from './signals.ts';

/** On a handler: the call that waits with it. */
const kCall: unique symbol = Symbol('opentelemetry.cancellation.undici.call');
/** On a dispatcher: the calls that wait in its queue. */
const kQueue: unique symbol = Symbol('opentelemetry.cancellation.undici.queue');

export interface Handler {
  [kCall]?: Call;
}

export interface Dispatcher {
  readonly destroyed: boolean;
  /** Of a pool: how many requests wait for a connection of it. */
  readonly stats?: { readonly queued?: number };
  [kQueue]?: Set<Call>;
}

/** The call that has waited with this handler, which now gets its connection. */
export function takeWaiting(handler: Handler): Call | undefined {
  const call = handler[kCall];
  if (call !== undefined) Reflect.deleteProperty(handler, kCall);
  return call;
}

export function waitingIn(dispatcher: Dispatcher): Iterable<Call> {
  return dispatcher[kQueue] ?? [];
}

/** dispatch() made no request: the call waits in this pool, or was refused, or is answered by a mock. */
export function enqueue(
  host: Host,
  installation: Installation,
  call: Call,
  handler: Handler,
  dispatcher: Dispatcher,
): void {
  if (!(Number(dispatcher.stats?.queued) > 0)) return;
  const { signal } = call;
  if (signal?.aborted) {
    abortCall(host, call, signal, 'queued');
  }
  if (!Reflect.defineProperty(handler, kCall, { value: call, configurable: true }) || call.isReported) return;
  if (dispatcher[kQueue] === undefined) Object.defineProperty(dispatcher, kQueue, { value: new Set() });
  call.queue = dispatcher[kQueue];
  call.queue?.add(call);
  if (signal !== undefined) {
    watchSignal(installation, signal, call, (aborted, by) => abortCall(host, aborted, by));
  }
}

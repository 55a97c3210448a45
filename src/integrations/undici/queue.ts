/** Calls that wait in a pool, all of whose connections are busy. */
import type { Call } from './call.ts';
import { abortCall } from './client.ts';
import { type Dispatcher, type Handler, kCall, kQueue } from './internals.ts';
import { watchSignal } from './signals.ts';
import type { Dispatching, Watch } from './watch.ts';

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
export function enqueue(watch: Watch, { call, handler, dispatcher }: Dispatching): void {
  if (!(Number(dispatcher.stats?.queued) > 0)) return;
  const { signal } = call;
  if (signal?.aborted) {
    abortCall(watch, call, signal, 'queued');
  }
  if (!Reflect.defineProperty(handler, kCall, { value: call, configurable: true }) || call.isReported) return;
  if (dispatcher[kQueue] === undefined) Object.defineProperty(dispatcher, kQueue, { value: new Set() });
  call.queue = dispatcher[kQueue];
  call.queue?.add(call);
  if (signal !== undefined) watchSignal(watch, signal, call);
}

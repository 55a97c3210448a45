/** Calls that wait in a pool, all of whose connections are busy. */
import { context } from '@opentelemetry/api';
import type { Undo } from '../../hook/replace.ts';
import type { Host, StartWaiting } from '../../host.ts';
import { endedBy, type ProcessEnd } from '../../operation/evidence.ts';
import type { Operation } from '../../operation/operation.ts';
import type { Call } from './call.ts';
import { abortCall, startUnsent } from './client.ts';
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

function addQueue(watch: Watch, dispatcher: Dispatcher): void {
  const queue = new Set<Call>();
  Object.defineProperty(dispatcher, kQueue, { value: queue });
  watch.queues = watch.queues.filter((known) => known.deref() !== undefined);
  watch.queues.push(new WeakRef(queue));
}

/** The process ends, and with it what waits, as what is in flight. */
export function watchWaiting(watch: Watch): Undo {
  const { host, installation } = watch;
  return host.beforeProcessEnd(
    installation.guard((start: StartWaiting) => {
      for (const queue of watch.queues) {
        for (const call of queue.deref() ?? [])
          context.with(call.parent, cutWaiting, undefined, host, call, start);
      }
    }),
  );
}

function cutWaiting(host: Host, call: Call, start: StartWaiting): void {
  const operation = startUnsent(host, call, start);
  if (operation !== undefined) host.endsWithProcess(operation, { operation }, cutQueued);
}

function cutQueued(host: Host, { operation }: { readonly operation: Operation }, end: ProcessEnd): void {
  host.cancel(operation, endedBy(end, 'queued'));
  host.settle(operation);
}

/** dispatch() made no request: the call waits in this pool, or was refused, or is answered by a mock. */
export function enqueue(watch: Watch, { call, handler, dispatcher }: Dispatching): void {
  if (!(Number(dispatcher.stats?.queued) > 0)) return;
  const { signal } = call;
  if (signal?.aborted) {
    abortCall(watch, call, signal, 'queued');
  }
  if (!Reflect.defineProperty(handler, kCall, { value: call, configurable: true }) || call.isReported) return;
  if (dispatcher[kQueue] === undefined) addQueue(watch, dispatcher);
  call.queue = dispatcher[kQueue];
  call.queue?.add(call);
  if (signal !== undefined) watchSignal(watch, signal, call);
}

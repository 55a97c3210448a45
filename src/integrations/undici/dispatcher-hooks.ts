/**
 * Dispatchers: dispatch(), which every request goes through and where the package's signals are seen; and who destroys
 * one, and with it what it has in flight or in its queue.
 */
import { context } from '@opentelemetry/api';
import type { Installation } from '../../hook/installation.ts';
import { before, during } from '../../hook/observe.ts';
import { type Undo, undoAll } from '../../hook/replace.ts';
import type { Host } from '../../host.ts';
import type { StackTop } from '../../operation/captured-stack.ts';
import { CALL_KEY, Call, canFollow } from './call.ts';
import { reportCall } from './client.ts';
import type { Target } from './description.ts';
import { rememberDestroy } from './destroy-error.ts';
import { watchMaking } from './dispatcher-making.ts';
import { dataOf, isObject } from './given.ts';
import { type Dispatcher, type Handler, hidden } from './internals.ts';
import { watchOwnStreams } from './own-streams.ts';
import { enqueue, takeWaiting, waitingIn } from './queue.ts';
import { isSignal, unwatchSignal } from './signals.ts';
import { type Watch, watchOf } from './watch.ts';

/** @param base DispatcherBase, from which every dispatcher that has connections inherits */
export function watchDispatcher(base: unknown, host: Host, installation: Installation): Undo {
  const watch = watchOf(host, installation);
  const { prototype } = base as { readonly prototype: object };
  const undos = [watchMaking(watch, base as object), watchPrototype(watch, prototype)];
  return () => undoAll(undos);
}

/** The same prototype may be found in several ways. */
export function watchPrototype(watch: Watch, prototype: object): Undo {
  if (watch.dispatchers.has(prototype)) return () => {};
  watch.dispatchers.add(prototype);
  const undos = [
    () => watch.dispatchers.delete(prototype),
    watchDispatch(watch, prototype),
    watchDestroy(watch, prototype),
  ];
  return () => undoAll(undos);
}

function watchDispatch(watch: Watch, prototype: object): Undo {
  const { host, installation } = watch;
  return during(prototype, 'dispatch', installation, (dispatcher: Dispatcher, args: unknown[], above) => {
    const [options, handler] = args;
    if (!isObject(options) || !isObject(handler)) return undefined;
    const outer = watch.dispatching;
    if (outer?.call.expectsRequest) {
      outer.handler = handler;
      outer.dispatcher = dispatcher;
      return undefined;
    }
    const call = callOf(watch, dispatcher, options, handler, above);
    watchOwnStreams(host, installation, handler, call);
    const current = { call, outermost: dispatcher, outermostHandler: handler, handler, dispatcher };
    watch.dispatching = current;
    const { called } = watch;
    watch.called ??= above;
    return () => {
      watch.dispatching = outer;
      watch.called = called;
      if (current.call.expectsRequest) {
        enqueue(watch, current);
      }
    };
  });
}

function watchDestroy(watch: Watch, prototype: object): Undo {
  return before(
    prototype,
    'destroy',
    watch.installation,
    (dispatcher: Dispatcher, [error]: unknown[], above) => {
      if (!dispatcher.destroyed) dispatcherDestroyed(watch, dispatcher, error, above);
    },
  );
}

function dispatcherDestroyed(watch: Watch, dispatcher: Dispatcher, error: unknown, above: StackTop): void {
  const stack = watch.host.captureStack(above);
  rememberDestroy(watch, error, stack);
  for (const call of waitingIn(dispatcher)) {
    if (call.signal !== undefined) unwatchSignal(watch, call.signal, call);
    const reason = typeof error === 'function' ? undefined : error;
    reportCall(watch, call, reason, (connecting) => {
      return { kind: 'local', trigger: 'destroy', phase: connecting ?? 'queued', reason, stack };
    });
  }
}

function callOf(
  { host, askedIn }: Watch,
  dispatcher: Dispatcher,
  options: object,
  handler: Handler,
  above: StackTop,
): Call {
  const waiting = takeWaiting(handler);
  if (waiting !== undefined) return waiting;
  const askedBefore = askedIn.get(handler);
  const parent = askedBefore ?? context.active();
  const given = dataOf(options, 'signal');
  const signal = isSignal(given) ? given : undefined;
  const fetched = parent.getValue(CALL_KEY) as Call | undefined;
  if (signal === undefined && fetched !== undefined && canFollow(fetched)) return fetched;
  const call = new Call(signal, parent, () => targetOf(options, dispatcher));
  call.isElsewhere = askedBefore !== undefined;
  if (dataOf(options, 'headersTimeout') || dataOf(options, 'bodyTimeout')) {
    call.limitStack = host.captureDeadlineStack(above);
  }
  return call;
}

function targetOf(options: object, dispatcher: Dispatcher): Target | undefined {
  const [path, method] = [dataOf(options, 'path'), dataOf(options, 'method')];
  const origin = dataOf(options, 'origin') || hidden(dispatcher, 'url');
  if (origin === undefined || typeof path !== 'string') return undefined;
  return { origin: String(origin).replace(/\/$/, ''), path, method: String(method ?? 'GET') };
}

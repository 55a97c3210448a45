/** Dispatchers of the package undici: where its signals are seen, what waits in a pool, and who destroys them. */
import { context } from '@opentelemetry/api';
import { isErrorLike } from '../../cancellation/reason.ts';
import type { Installation } from '../../hook/installation.ts';
import { replaceFunction, type Undo, undoAll } from '../../hook/replace.ts';
import type { Host } from '../../integration.ts';
import type { StackTop } from '../../operation/captured-stack.ts';
import type { Stack } from '../../operation/evidence.ts';
import { CALL_KEY, Call } from './call.ts';
import { abortCall, reportCall } from './call-end.ts';
import { unwatchSignal, watchSignal } from './signals.ts';
import type { Target } from './span.ts';

/** On a handler: the call that waits with it. */
const kCall: unique symbol = Symbol('opentelemetry.cancellation.undici.call');
/** On a dispatcher: the calls that wait in its queue. */
const kQueue: unique symbol = Symbol('opentelemetry.cancellation.undici.queue');

interface Handler {
  [kCall]?: Call;
}

interface Dispatcher {
  readonly destroyed: boolean;
  /** Of a pool: how many requests wait for a connection of it. */
  readonly stats?: { readonly queued?: number };
  [kQueue]?: Set<Call>;
}

/** dispatch() in progress. An agent calls that of a pool, which calls that of a client, which makes the request. */
interface Dispatching {
  readonly call: Call;
  handler: Handler;
  dispatcher: Dispatcher;
}
let dispatching: Dispatching | undefined;

export function dispatchedCall(): Call | undefined {
  return dispatching?.call;
}

const watched = new Set<object>();

/** @param base DispatcherBase, from which every dispatcher that has connections inherits */
export function watchDispatcher(base: unknown, host: Host, installation: Installation): Undo {
  const { prototype } = base as { readonly prototype: object };
  if (watched.has(prototype)) return () => {};
  watched.add(prototype);
  const undos = [
    () => watched.delete(prototype),
    watchDispatch(prototype, host, installation),
    watchDestroy(prototype, host, installation),
  ];
  return () => undoAll(undos);
}

function watchDispatch(prototype: object, host: Host, installation: Installation): Undo {
  return replaceFunction(prototype, 'dispatch', (original) => {
    const { dispatch } = {
      dispatch(this: Dispatcher, ...args: unknown[]): unknown {
        if (!installation.isActive) return Reflect.apply(original, this, args);
        const [options, handler] = args;
        if (!isObject(options) || !isObject(handler)) return Reflect.apply(original, this, args);
        const outer = dispatching;
        if (outer?.call.expectsRequest) {
          outer.handler = handler;
          outer.dispatcher = this;
          return Reflect.apply(original, this, args);
        }
        const current = { call: callOf(host, this, options, handler, dispatch), handler, dispatcher: this };
        dispatching = current;
        try {
          return Reflect.apply(original, this, args);
        } finally {
          dispatching = outer;
          try {
            if (current.call.expectsRequest) enqueue(host, current);
          } catch (error) {
            installation.fault(error);
          }
        }
      },
    };
    return dispatch;
  });
}

function callOf(
  host: Host,
  dispatcher: Dispatcher,
  options: object,
  handler: Handler,
  above: StackTop,
): Call {
  const waiting = handler[kCall];
  if (waiting !== undefined) {
    Reflect.deleteProperty(handler, kCall);
    return waiting;
  }
  const parent = context.active();
  const signal = 'signal' in options && options.signal instanceof AbortSignal ? options.signal : undefined;
  const fetched = parent.getValue(CALL_KEY) as Call | undefined;
  if (signal === undefined && fetched?.expectsRequest) return fetched;
  const call = new Call(signal, parent, () => targetOf(options, dispatcher));
  if (
    ('headersTimeout' in options && options.headersTimeout) ||
    ('bodyTimeout' in options && options.bodyTimeout)
  ) {
    call.limitStack = host.captureDeadlineStack(above);
  }
  return call;
}

/** There is no request: all connections of a pool are busy; or it was refused, or is answered by a mock. */
function enqueue(host: Host, { call, handler, dispatcher }: Dispatching): void {
  if (!(Number(dispatcher.stats?.queued) > 0)) return;
  const { signal } = call;
  if (signal?.aborted) {
    abortCall(host, call, signal, 'queued');
  }
  if (!Reflect.defineProperty(handler, kCall, { value: call, configurable: true }) || call.isReported) return;
  if (dispatcher[kQueue] === undefined) Object.defineProperty(dispatcher, kQueue, { value: new Set() });
  call.queue = dispatcher[kQueue];
  call.queue?.add(call);
  if (signal !== undefined) watchSignal(signal, call, (aborted, by) => abortCall(host, aborted, by));
}

const destroyStacks = new WeakMap<object, string>();

/** The stack of the destroy() that this is the error of. */
export function destroyedBy(error: unknown): Stack | undefined {
  if (!isErrorLike(error)) return undefined;
  // undici makes it inside of destroy().
  if (error.code === 'UND_ERR_DESTROYED') return typeof error.stack === 'string' ? error.stack : '';
  return destroyStacks.get(error);
}

function watchDestroy(prototype: object, host: Host, installation: Installation): Undo {
  return replaceFunction(prototype, 'destroy', (original) => {
    const { destroy } = {
      destroy(this: Dispatcher, ...args: unknown[]): unknown {
        if (!installation.isActive || this.destroyed) return Reflect.apply(original, this, args);
        try {
          dispatcherDestroyed(host, this, args[0], destroy);
        } catch (error) {
          installation.fault(error);
        }
        return Reflect.apply(original, this, args);
      },
    };
    return destroy;
  });
}

function dispatcherDestroyed(host: Host, dispatcher: Dispatcher, error: unknown, above: StackTop): void {
  const stack = host.captureStack(above);
  // Formatted at once: unformatted it would hold on to what it is kept for.
  if (isObject(error) && !destroyStacks.has(error)) destroyStacks.set(error, stack.stack);
  for (const call of dispatcher[kQueue] ?? []) {
    if (call.signal !== undefined) unwatchSignal(call.signal, call);
    const reason = typeof error === 'function' ? undefined : error;
    reportCall(host, call, reason, (connecting) => {
      return { kind: 'local', trigger: 'destroy', phase: connecting ?? 'queued', reason, stack };
    });
  }
}

function targetOf(options: object, dispatcher: Dispatcher): Target | undefined {
  const { path, method } = options as { path?: unknown; method?: unknown };
  const origin = 'origin' in options && options.origin ? options.origin : originOf(dispatcher);
  if (origin === undefined || typeof path !== 'string') return undefined;
  return { origin: String(origin).replace(/\/$/, ''), path, method: String(method ?? 'GET') };
}

/** A pool keeps the URL it was made for under a private symbol; undici 6 to 8 do. */
function originOf(dispatcher: Dispatcher): unknown {
  const key = Object.getOwnPropertySymbols(dispatcher).find(({ description }) => description === 'url');
  return key && Reflect.get(dispatcher, key);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

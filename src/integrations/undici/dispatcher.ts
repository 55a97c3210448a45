/** dispatch(), which every request goes through: where the package's signals are seen. */
import { context } from '@opentelemetry/api';
import type { Installation } from '../../hook/installation.ts';
import { during } from '../../hook/observe.ts';
import { type Undo, undoAll } from '../../hook/replace.ts';
import type { Host } from '../../integration.ts';
import type { StackTop } from '../../operation/captured-stack.ts';
import { CALL_KEY, Call } from './call.ts';
import { watchDestroy } from './destroy.ts';
import { hidden } from './hidden.ts';
import { type Dispatcher, enqueue, type Handler, takeWaiting } from './pool-queue.ts';
import type { Target } from './span.ts';

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

/** The innermost so far. */
export function currentDispatcher(): object | undefined {
  return dispatching?.dispatcher;
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
  return during(prototype, 'dispatch', installation, (dispatcher: Dispatcher, args: unknown[], above) => {
    const [options, handler] = args;
    if (!isObject(options) || !isObject(handler)) return undefined;
    const outer = dispatching;
    if (outer?.call.expectsRequest) {
      outer.handler = handler;
      outer.dispatcher = dispatcher;
      return undefined;
    }
    const current = { call: callOf(host, dispatcher, options, handler, above), handler, dispatcher };
    dispatching = current;
    return () => {
      dispatching = outer;
      if (current.call.expectsRequest) {
        enqueue(host, installation, current.call, current.handler, current.dispatcher);
      }
    };
  });
}

function callOf(
  host: Host,
  dispatcher: Dispatcher,
  options: object,
  handler: Handler,
  above: StackTop,
): Call {
  const waiting = takeWaiting(handler);
  if (waiting !== undefined) return waiting;
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

function targetOf(options: object, dispatcher: Dispatcher): Target | undefined {
  const { path, method } = options as { path?: unknown; method?: unknown };
  const origin = 'origin' in options && options.origin ? options.origin : hidden(dispatcher, 'url');
  if (origin === undefined || typeof path !== 'string') return undefined;
  return { origin: String(origin).replace(/\/$/, ''), path, method: String(method ?? 'GET') };
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

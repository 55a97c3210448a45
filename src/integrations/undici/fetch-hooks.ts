/** fetch(): where the signal is seen, and a fetch that never becomes a request. */
import { context } from '@opentelemetry/api';
import type { Installation } from '../../hook/installation.ts';
import { replaceFunction, type Undo } from '../../hook/replace.ts';
import type { Host } from '../../integration.ts';
import { CALL_KEY, Call } from './call.ts';
import { abortCall } from './client.ts';
import type { Target } from './description.ts';
import { unwatchSignal, watchSignal } from './signals.ts';
import { type Watch, watchOf } from './watch.ts';

/** @param owner globalThis, or the exports of undici's own file */
export function watchFetch(owner: unknown, host: Host, installation: Installation): Undo {
  if (typeof owner !== 'object' || owner === null || !('fetch' in owner)) return () => {};
  const watch = watchOf(host, installation);
  const enter = installation.guard((args: unknown[]) => {
    const stopper = host.stopsWithOwner ? new AbortController() : undefined;
    const given = stopper === undefined ? args : stoppable(args, stopper.signal);
    const call = callOf(host, given[0], given[1]);
    if (call === undefined) return undefined;
    if (given !== args) call.stopper = stopper;
    return { call, given, inside: context.active().setValue(CALL_KEY, call) };
  });
  const leave = installation.guard((call: Call) => called(watch, call));
  return replaceFunction(owner, 'fetch', (original) => {
    // A function with a prototype, like the one it replaces.
    return function fetch(this: unknown, ...args: unknown[]): unknown {
      const entered = installation.isActive ? enter(args) : undefined;
      if (entered === undefined) return Reflect.apply(original, this, args);
      const { call, given, inside } = entered;
      const promise: unknown = context.with(inside, original, this as never, ...given);
      leave(call);
      return promise;
    };
  });
}

/** Undefined when there is nothing to say of this call that its request would not say. */
function callOf(host: Host, input: unknown, init: unknown): Call | undefined {
  const signal = signalOf(input, init);
  const parent = context.active();
  // A body that is read from inside of another fetch() may call fetch(): it must not be taken for the other one.
  if (signal === undefined && parent.getValue(CALL_KEY) === undefined) return undefined;
  if (host.isSuppressed()) return undefined;
  return new Call(signal, parent, () => targetOf(input, init));
}

/**
 * What fetch() is given, with a signal that ends it as the application's own would. The application's object stays
 * as it is. Not where it has a signal: AbortSignal.any() leaves something behind on one that lives long.
 */
function stoppable(args: unknown[], stop: AbortSignal): unknown[] {
  const [input, init = {}, ...others] = args;
  // What fetch() refuses is to be refused.
  const isRefused = args.length === 0 || !isObject(init) || (get(init, 'signal') ?? undefined) !== undefined;
  if (isRefused || signalOf(input, init) !== undefined) return args;
  return [input, Object.create(init, { signal: { value: stop, enumerable: true } }), ...others];
}

function signalOf(input: unknown, init: unknown): AbortSignal | undefined {
  let signal = get(init, 'signal');
  if (signal === undefined && isRequest(input)) ({ signal } = input);
  return signal instanceof AbortSignal ? signal : undefined;
}

/** fetch() has returned its promise. */
function called(watch: Watch, call: Call): void {
  const { signal } = call;
  if (!call.expectsRequest || signal === undefined) return;
  if (signal.aborted) {
    abortCall(watch, call, signal, 'queued');
    return;
  }
  // It may be about to become a request, may wait in a queue, or may be a `data:` URL.
  watchSignal(watch, signal, call, abortCall);
  const settled = watch.installation.guard(() => {
    if (call.exchange === undefined && call.queue === undefined) unwatchSignal(watch, signal, call);
  });
  setImmediate(settled).unref();
}

function targetOf(input: unknown, init: unknown): Target | undefined {
  const text = isRequest(input) ? input.url : String(input);
  if (!URL.canParse(text)) return undefined;
  const { protocol, origin, pathname, search } = new URL(text);
  if (protocol !== 'http:' && protocol !== 'https:') return undefined;
  const method = get(init, 'method') ?? (isRequest(input) ? input.method : 'GET');
  return { origin, path: pathname + search, method: String(method).toUpperCase() };
}

/** Also the Request of another copy of undici. */
function isRequest(input: unknown): input is { url: string; method: string; signal: unknown } {
  return typeof input === 'object' && input !== null && 'url' in input && 'signal' in input;
}

function get(object: unknown, key: string): unknown {
  return isObject(object) ? Reflect.get(object, key) : undefined;
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

/** fetch(): where the signal is seen, and a fetch that never becomes a request. */
import { context } from '@opentelemetry/api';
import type { Installation } from '../../hook/installation.ts';
import { replaceFunction, type Undo } from '../../hook/replace.ts';
import type { Host } from '../../host.ts';
import { createStopReason } from '../../operation/stop-reason.ts';
import { CALL_KEY, Call } from './call.ts';
import { abortCall } from './client.ts';
import type { Target } from './description.ts';
import { dataOf, isComputed, isObject, readThrough } from './given.ts';
import { isRetryOfCancelled } from './retry.ts';
import { isSignal, unwatchSignal, watchSignal } from './signals.ts';
import { signalBeside, stopperFor } from './stopper.ts';
import { type Watch, watchOf } from './watch.ts';

/** @param owner globalThis, or the exports of undici's own file */
export function watchFetch(owner: unknown, host: Host, installation: Installation): Undo {
  if (typeof owner !== 'object' || owner === null || !('fetch' in owner)) return () => {};
  const watch = watchOf(host, installation);
  const enter = installation.guard((args: unknown[]) => enterFetch(watch, args));
  const leave = installation.guard((call: Call) => called(watch, call));
  return replaceFunction(owner, 'fetch', (original) => {
    // A function with a prototype, like the one it replaces.
    return function fetch(this: unknown, ...args: unknown[]): unknown {
      if (!installation.isActive) return Reflect.apply(original, this, args);
      const outer = watch.called;
      watch.called = fetch;
      try {
        const entered = enter(args);
        if (entered === undefined) return Reflect.apply(original, this, args);
        const { call, given, inside } = entered;
        const promise: unknown = context.with(inside, original, this as never, ...given);
        leave(call);
        return promise;
      } finally {
        watch.called = outer;
      }
    };
  });
}

/** Undefined when there is nothing to say of this call that its request would not say. */
function enterFetch(watch: Watch, args: unknown[]) {
  const { host, installation } = watch;
  const [input, init] = args;
  const parent = context.active();
  const isReadLater = isComputed(init, 'signal');
  const signal = isReadLater ? undefined : signalOf(input, init);
  const stopper = host.stopsWithOwner() ? stopperFor(args) : undefined;
  // A body that is read from inside of another fetch() may call fetch(): it must not be taken for the other one.
  const isInside = parent.getValue(CALL_KEY) !== undefined;
  if ((!isReadLater && signal === undefined && stopper === undefined && !isInside) || host.isSuppressed()) {
    return undefined;
  }
  const call = new Call(signal, parent, () => targetOf(input, init));
  const redirect = dataOf(init, 'redirect') ?? readRequest(input, 'redirect');
  call.followsRedirects = redirect !== 'manual' && redirect !== 'error';
  if (stopper !== undefined && isRetryOfCancelled(host, call, init)) stopper.abort(createStopReason());
  const inside = parent.setValue(CALL_KEY, call);
  if (!isReadLater && stopper === undefined) return { call, given: args, inside };
  /** Returns what fetch() is to take for the signal, if not what it is given. */
  const noticeSignal = installation.guard((value: unknown): AbortSignal | undefined => {
    if (isSignal(value)) call.signal = value;
    else if (value === undefined) call.signal = signalOfRequest(input);
    if (stopper === undefined) return undefined;
    const signal = signalBeside(stopper, call.signal, value);
    if (signal !== undefined) {
      call.stopper = stopper;
      call.follower = signal;
    }
    return signal;
  });
  const seen = readThrough(isObject(init) ? init : {}, stopper && 'signal', (key, value) => {
    if (key === 'signal') return noticeSignal(value) ?? value;
    return stopper !== undefined && value === undefined ? keptOfRequest(input, key) : value;
  });
  return { call, given: [input, seen, ...args.slice(2)], inside };
}

/** fetch() takes these from a Request only where it is given no options at all, not even a signal. */
function keptOfRequest(input: unknown, key: PropertyKey): unknown {
  return key === 'referrer' || key === 'referrerPolicy' ? readRequest(input, key) : undefined;
}

/** fetch() has returned its promise. */
function called(watch: Watch, call: Call): void {
  const { signal } = call;
  if (!call.expectsRequest || signal === undefined) return;
  if (signal.aborted) {
    // Another one may have been refused.
    if (signal instanceof AbortSignal) abortCall(watch, call, signal, 'queued');
    return;
  }
  // It may be about to become a request, may wait in a queue, or may be a `data:` URL.
  watchSignal(watch, signal, call);
  const settled = watch.installation.guard(() => {
    if (call.exchange !== undefined || call.queue !== undefined) return;
    // One that is not Node's own, though it says it is, has told nobody but undici.
    if (signal.aborted && !call.isReported && signal instanceof AbortSignal) {
      abortCall(watch, call, signal, 'queued');
    }
    unwatchSignal(watch, signal, call);
  });
  setImmediate(settled).unref();
}

function signalOf(input: unknown, init: unknown): AbortSignal | undefined {
  const signal = dataOf(init, 'signal');
  if (signal === undefined) return signalOfRequest(input);
  return isSignal(signal) ? signal : undefined;
}

function signalOfRequest(input: unknown): AbortSignal | undefined {
  const signal = readRequest(input, 'signal');
  return isSignal(signal) ? signal : undefined;
}

function targetOf(input: unknown, init: unknown): Target | undefined {
  const text = typeof input === 'string' || input instanceof URL ? String(input) : readRequest(input, 'url');
  if (typeof text !== 'string' || !URL.canParse(text)) return undefined;
  const { protocol, origin, pathname, search } = new URL(text);
  if (protocol !== 'http:' && protocol !== 'https:') return undefined;
  const method = dataOf(init, 'method') ?? readRequest(input, 'method') ?? 'GET';
  return { origin, path: pathname + search, method: String(method).toUpperCase() };
}

/** Of a Request, also of another copy of undici, by the getter of its class. Undefined of anything else. */
function readRequest(
  input: unknown,
  key: 'url' | 'method' | 'signal' | 'redirect' | 'referrer' | 'referrerPolicy',
): unknown {
  if (typeof input !== 'object' || input === null) return undefined;
  for (let at = Object.getPrototypeOf(input); at !== null; at = Object.getPrototypeOf(at)) {
    if (at.constructor?.name !== 'Request' || !Object.hasOwn(at, 'duplex')) continue;
    try {
      return Reflect.get(at, key, input);
    } catch {
      return undefined; // an object made of the prototype
    }
  }
  return undefined;
}

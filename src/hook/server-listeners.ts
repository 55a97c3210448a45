/**
 * The listeners of an event of a server, wrapped where they are: there our code runs after an official
 * instrumentation, which wraps emit(), in whatever order the two were registered, and sees what they return.
 */
import type { EventEmitter } from 'node:events';
import type { Installation } from './installation.ts';
import { type AnyFunction, disguise } from './replace.ts';

/** What every emitter of Node's has beyond its public type: a listener, or several, for each event. */
interface ListenedTo extends EventEmitter {
  readonly _events: Record<string, AnyFunction | AnyFunction[] | undefined>;
}

interface Wrapped {
  readonly listener: AnyFunction;
  readonly installation: Installation;
}

type Listener = AnyFunction & { listener?: AnyFunction };

/** Calls a listener in the place of the server. */
export type CallListener<Server> = (listener: AnyFunction, server: Server, args: unknown[]) => unknown;

/**
 * Wraps those that are not wrapped yet.
 *
 * @param key of whoever wraps: on a server that speaks both HTTP/1 and HTTP/2 there are two
 */
export function wrapListeners<Server extends EventEmitter>(
  server: Server,
  event: string,
  key: symbol,
  installation: Installation,
  call: CallListener<Server>,
): void {
  const { _events: events } = server as unknown as ListenedTo;
  const current = events[event];
  if (typeof current === 'function') {
    if (!isWrapped(current, key, installation)) events[event] = wrap(current, key, installation, call);
  } else if (current !== undefined) {
    for (let index = 0; index < current.length; index++) {
      const listener = current[index] as Listener;
      // In place: Node keeps properties of its own on the array.
      if (!isWrapped(listener, key, installation)) current[index] = wrap(listener, key, installation, call);
    }
  }
}

function isWrapped(listener: Listener, key: symbol, installation: Installation): boolean {
  return wrappedBy(listener, key)?.installation === installation;
}

function wrappedBy(listener: Listener, key: symbol): Wrapped | undefined {
  return Reflect.get(listener, key) as Wrapped | undefined;
}

function wrap<Server>(
  given: Listener,
  key: symbol,
  installation: Installation,
  call: CallListener<Server>,
): AnyFunction {
  // After disable() and enable() there are wrappers of the previous time.
  const listener: Listener = wrappedBy(given, key)?.listener ?? given;
  // As Node's once() does: listeners() shows this one, and removeListener() finds the wrapper by it.
  const shown = listener.listener ?? listener;
  function wrapper(this: Server, ...args: unknown[]): unknown {
    if (shown === listener) return callUnlessOff(this, args);
    // A listener of once() takes itself off the server before anything else: that is us, while it runs.
    wrapper.listener = listener;
    try {
      return callUnlessOff(this, args);
    } finally {
      wrapper.listener = shown;
    }
  }
  function callUnlessOff(server: Server, args: unknown[]): unknown {
    return installation.isActive ? call(listener, server, args) : Reflect.apply(listener, server, args);
  }
  disguise(wrapper, listener);
  wrapper.listener = shown;
  return Object.assign(wrapper, { [key]: { listener, installation } });
}

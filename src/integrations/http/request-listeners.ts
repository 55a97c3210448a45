/**
 * The listeners of a server's 'request' event, wrapped where they are: there our code runs after an
 * official instrumentation, which wraps emit(), in whatever order the two were registered.
 */
import type { Installation } from '../../hook/installation.ts';
import { type AnyFunction, disguise } from '../../hook/replace.ts';
import type { RequestServer } from './internals.ts';

const kWrapped: unique symbol = Symbol('opentelemetry.cancellation.http.wrapped');

interface Wrapped {
  readonly listener: AnyFunction;
  readonly installation: Installation;
}

type Listener = AnyFunction & { [kWrapped]?: Wrapped; listener?: AnyFunction };
/** Calls a listener; the first one for a request starts its operation. */
export type CallListener = (listener: AnyFunction, server: RequestServer, args: unknown[]) => unknown;

/** Wraps those that are not wrapped yet. */
export function wrapRequestListeners(
  server: RequestServer,
  installation: Installation,
  call: CallListener,
): void {
  const { _events: events } = server;
  const current = events.request;
  if (typeof current === 'function') {
    if (!isWrapped(current, installation)) events.request = wrap(current, installation, call);
  } else if (current !== undefined) {
    for (let index = 0; index < current.length; index++) {
      const listener = current[index] as Listener;
      // In place: Node keeps properties of its own on the array.
      if (!isWrapped(listener, installation)) current[index] = wrap(listener, installation, call);
    }
  }
}

function isWrapped(listener: Listener, installation: Installation): boolean {
  return listener[kWrapped]?.installation === installation;
}

function wrap(given: Listener, installation: Installation, call: CallListener): AnyFunction {
  // After disable() and enable() there are wrappers of the previous time.
  const listener: Listener = given[kWrapped]?.listener ?? given;
  // As Node's once() does: listeners() shows this one, and removeListener() finds the wrapper by it.
  const shown = listener.listener ?? listener;
  function wrapper(this: RequestServer, ...args: unknown[]): unknown {
    if (shown === listener) return callUnlessOff(this, args);
    // A listener of once() takes itself off the server before anything else: that is us, while it runs.
    wrapper.listener = listener;
    try {
      return callUnlessOff(this, args);
    } finally {
      wrapper.listener = shown;
    }
  }
  function callUnlessOff(server: RequestServer, args: unknown[]): unknown {
    return installation.isActive ? call(listener, server, args) : Reflect.apply(listener, server, args);
  }
  disguise(wrapper, listener);
  wrapper.listener = shown;
  wrapper[kWrapped] = { listener, installation };
  return wrapper;
}

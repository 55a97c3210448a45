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
  // Made by once(): it removes itself from the server, where it is no more.
  const isOnce = listener.listener !== undefined && listener.name === 'bound onceWrapper';
  function wrapper(this: RequestServer, ...args: unknown[]): unknown {
    if (isOnce) this.removeListener('request', wrapper);
    if (!installation.isActive) return Reflect.apply(listener, this, args);
    return call(listener, this, args);
  }
  disguise(wrapper, listener);
  // As Node's once() does: listeners() shows this one, and removeListener() finds the wrapper by it.
  wrapper.listener = listener.listener ?? listener;
  wrapper[kWrapped] = { listener, installation };
  return wrapper;
}

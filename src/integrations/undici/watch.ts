/** What the hooks share from when the integration is switched on until it is switched off. */
import type { Context } from '@opentelemetry/api';
import { type Installation, perInstallation } from '../../hook/installation.ts';
import type { Undo } from '../../hook/replace.ts';
import type { EndWithProcess, Host } from '../../host.ts';
import type { StackTop } from '../../operation/captured-stack.ts';
import type { Call } from './call.ts';
import type { Connecting } from './connection.ts';
import type { Exchange } from './exchange.ts';
import type { Dispatcher, Handler } from './internals.ts';

/** dispatch() in progress. An agent calls that of a pool, which calls that of a client, which makes the request. */
export interface Dispatching {
  readonly call: Call;
  /** What the application called. */
  readonly outermost: object;
  /** What that was given. */
  readonly outermostHandler: Handler;
  /** The innermost so far. */
  handler: Handler;
  dispatcher: Dispatcher;
}

export class Watch {
  readonly host: Host;
  readonly installation: Installation;
  dispatching: Dispatching | undefined = undefined;
  /** The hook that the application has called, while it is on the stack: undici alone fills a stack of the usual depth. */
  called: StackTop | undefined = undefined;
  /** What the body of an undici.request() is being destroyed with, right now. */
  bodyDestroyReason: unknown = undefined;
  /** Of the destroy() of a dispatcher, by the error that it was given. */
  readonly destroyStacks: WeakMap<object, string> = new WeakMap();
  /** Stacks of whoever made a dispatcher. */
  readonly madeBy: WeakMap<object, string> = new WeakMap();
  /** The contexts of calls whose handlers may ask again by themselves: when they do, it is in the context of the connection. */
  readonly askedIn: WeakMap<object, Context> = new WeakMap();
  /** Connections that are being made. */
  readonly connecting: Set<Connecting> = new Set();
  /** Calls that are in flight, by their signal. Keeps signals alive no longer than undici's own listeners do. */
  readonly signals: Map<AbortSignal, Set<Call>> = new Map();
  /** Prototypes of dispatchers whose methods are replaced. */
  readonly dispatchers: Set<object> = new Set();
  /** The global ones, as they were last seen. */
  readonly globalDispatchers: unknown[] = [];
  /** The calls that wait in each dispatcher that has had such ones. */
  queues: WeakRef<Set<Call>>[] = [];
  /** Made with the first request. */
  cut: EndWithProcess<Exchange> | undefined = undefined;
  /** Of hooks that are put on when there is something to put them on. */
  readonly undos: Undo[] = [];

  constructor(host: Host, installation: Installation) {
    this.host = host;
    this.installation = installation;
  }
}

export const watchOf: (host: Host, installation: Installation) => Watch = perInstallation(
  (host: Host, installation) => new Watch(host, installation),
);

/** A server call begins: its handler runs inside of its operation. */
import { SpanKind } from '@opentelemetry/api';
import type { Installation } from '../../hook/installation.ts';
import { type AnyFunction, disguise, replaceFunction, type Undo, undoAll } from '../../hook/replace.ts';
import type { Host } from '../../integration.ts';
import type { Operation } from '../../operation/operation.ts';
import {
  baseOf,
  GONE,
  kOperation,
  kSession,
  kShutdown,
  type ServerSession,
  type SurfaceCall,
} from './library.ts';
import { isOfficialOn, isWrapped, OFFICIAL_SCOPE, rememberRegister, unsampledSpan } from './official.ts';
import { metadataGetter } from './propagation.ts';
import { noteAnswer } from './server-answer.ts';
import { noteEndBeforeHandler } from './server-end.ts';
import { noteTimeout } from './server-timeout.ts';
import { describeServerCall, methodOf } from './span.ts';

type Register = [path: string, handler: unknown, serialize: unknown, deserialize: unknown, type: string];

/** Who watches now: handlers stay registered while we are switched off and on again. */
interface Watch {
  host: Host;
  installation: Installation;
}

interface ServerPrototype {
  readonly register: unknown;
}

/** What a server keeps of a handler. */
interface HandlerEntry {
  func: AnyFunction;
  readonly path: string;
  readonly type: string;
  [kWatched]?: true;
}

/** On an entry whose handler is watched, whoever has wrapped it since. */
const kWatched: unique symbol = Symbol('opentelemetry.cancellation.grpc.watched');

interface Server {
  readonly handlers: Map<string, HandlerEntry>;
}

const watches = new WeakMap<object, Watch>();

export function watchServer(moduleExports: unknown, host: Host, installation: Installation): Undo {
  const { prototype } = (moduleExports as { Server: { prototype: ServerPrototype } }).Server;
  const watch = watches.get(prototype) ?? { host, installation };
  watch.host = host;
  watch.installation = installation;
  watches.set(prototype, watch);
  const undos = [
    rememberRegister(prototype, prototype.register),
    watchRegister(prototype, watch, installation),
    watchRetrieve(prototype, watch, installation),
    watchForceShutdown(prototype, host, installation),
  ];
  return () => undoAll(undos);
}

/**
 * Wraps the handler that is registered, not the function that calls it: the official instrumentation wraps
 * around what it finds there, so that we are inside of its span whoever came first.
 */
function watchRegister(prototype: object, watch: Watch, installation: Installation): Undo {
  return replaceFunction(prototype, 'register', (original) => {
    const { register } = {
      register(this: Server, ...args: Register): unknown {
        const [path, handler, , , type] = args;
        if (!installation.isActive || typeof handler !== 'function') {
          return Reflect.apply(original, this, args);
        }
        args[1] = watchHandler(handler as AnyFunction, path, type, watch);
        const isNew: unknown = Reflect.apply(original, this, args);
        const entry = this.handlers.get(path);
        if (isNew === true && entry !== undefined) entry[kWatched] = true;
        return isNew;
      },
    };
    return register;
  });
}

/** Handlers that were registered before anybody watched are found when the first call comes for them. */
function watchRetrieve(prototype: object, watch: Watch, installation: Installation): Undo {
  return replaceFunction(prototype, '_retrieveHandler', (original) => {
    const { _retrieveHandler } = {
      _retrieveHandler(this: unknown, ...args: unknown[]): unknown {
        const entry: HandlerEntry | null = Reflect.apply(original, this, args);
        if (entry !== null && entry[kWatched] !== true && installation.isActive) {
          entry[kWatched] = true;
          // We would be outside of the official instrumentation's span, and make a second one.
          if (!isWrapped(entry.func)) entry.func = watchHandler(entry.func, entry.path, entry.type, watch);
        }
        return entry;
      },
    };
    return _retrieveHandler;
  });
}

function watchHandler(handler: AnyFunction, path: string, type: string, watch: Watch): AnyFunction {
  const answersByCallback = type === 'unary' || type === 'clientStream';
  const { handle } = {
    handle(this: unknown, ...args: unknown[]): unknown {
      const { host, installation } = watch;
      if (!installation.isActive) return Reflect.apply(handler, this, args);
      let operation: Operation | undefined;
      try {
        operation = begin(host, args[0] as SurfaceCall, path);
        if (operation?.ownsSpan === false && answersByCallback) {
          args[1] = noteAnswer(host, installation, operation, args[0] as SurfaceCall, args[1]);
        }
      } catch (error) {
        installation.fault(error);
      }
      if (operation === undefined) return Reflect.apply(handler, this, args);
      return host.run(operation, handler, this, args);
    },
  };
  disguise(handle, handler);
  return handle;
}

function begin(host: Host, surface: SurfaceCall, path: string): Operation | undefined {
  const base = baseOf(surface);
  const session = base?.stream.session;
  const official = host.officialSpan(SpanKind.SERVER, OFFICIAL_SCOPE) ?? unsampledSpan(host, 'server');
  if (base === undefined || (official === undefined && isOfficialOn())) return undefined;
  const operation =
    official === undefined
      ? host.start(describeServerCall(session ?? GONE, path), host.extract(surface.metadata, metadataGetter))
      : host.adopt('server', 'grpc', official, methodOf(path));
  base[kOperation] = operation;
  operation.answer = surface;
  if (session !== undefined) base[kSession] = session;
  noteTimeout(host, base, operation);
  // The handler of a unary call runs even when its call has ended while the request was read.
  if (base.cancelled) noteEndBeforeHandler(host, base, operation);
  return operation;
}

function watchForceShutdown(prototype: object, host: Host, installation: Installation): Undo {
  return replaceFunction(prototype, 'forceShutdown', (original) => {
    const { forceShutdown } = {
      forceShutdown(this: { readonly sessions: Map<ServerSession, unknown> }, ...args: unknown[]): unknown {
        if (installation.isActive) {
          try {
            const stack = host.captureStack(forceShutdown);
            for (const session of this.sessions.keys()) session[kShutdown] = stack;
          } catch (error) {
            installation.fault(error);
          }
        }
        return Reflect.apply(original, this, args);
      },
    };
    return forceShutdown;
  });
}

/** A server call begins: its handler runs inside of its operation. */
import { SpanKind } from '@opentelemetry/api';
import type { Installation } from '../../hook/installation.ts';
import { after, before, during } from '../../hook/observe.ts';
import { type AnyFunction, disguise, type Undo, undoAll } from '../../hook/replace.ts';
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
import { isOfficialOn, isWrapped, OFFICIAL_SCOPES, rememberRegister, unsampledSpan } from './official.ts';
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
  /** begin(), guarded. */
  begin: Begin;
}

/** @param args of the handler. @returns undefined when the call is not to be recorded */
type Begin = (args: unknown[], path: string, answersByCallback: boolean) => Operation | undefined;

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
  const guarded = installation.guard<unknown, Parameters<Begin>, ReturnType<Begin>>(
    (args, path, answersByCallback) => {
      const operation = begin(host, args[0] as SurfaceCall, path);
      if (operation?.ownsSpan === false && answersByCallback) {
        args[1] = noteAnswer(host, installation, operation, args[0] as SurfaceCall, args[1]);
      }
      return operation;
    },
  );
  const watch = watches.get(prototype) ?? { host, installation, begin: guarded };
  Object.assign(watch, { host, installation, begin: guarded });
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
  return during(prototype, 'register', installation, (server: Server, args: Register) => {
    const [path, handler, , , type] = args;
    if (typeof handler !== 'function') return undefined;
    const leave = (isNew: unknown): void => {
      const entry = server.handlers.get(path);
      if (isNew === true && entry !== undefined) entry[kWatched] = true;
    };
    args[1] = watchHandler(handler as AnyFunction, path, type, watch);
    return leave;
  });
}

/** Handlers that were registered before anybody watched are found when the first call comes for them. */
function watchRetrieve(prototype: object, watch: Watch, installation: Installation): Undo {
  return after(prototype, '_retrieveHandler', installation, (_server, _args, found) => {
    const entry = found as HandlerEntry | null;
    if (entry === null || entry[kWatched] === true) return;
    entry[kWatched] = true;
    // We would be outside of the official instrumentation's span, and make a second one.
    if (!isWrapped(entry.func)) entry.func = watchHandler(entry.func, entry.path, entry.type, watch);
  });
}

function watchHandler(handler: AnyFunction, path: string, type: string, watch: Watch): AnyFunction {
  const answersByCallback = type === 'unary' || type === 'clientStream';
  const { handle } = {
    handle(this: unknown, ...args: unknown[]): unknown {
      const { host, installation } = watch;
      if (!installation.isActive) return Reflect.apply(handler, this, args);
      const operation = watch.begin(args, path, answersByCallback);
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
  const official = host.officialSpan(SpanKind.SERVER, OFFICIAL_SCOPES) ?? unsampledSpan(host, 'server');
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
  type Shut = { readonly sessions: Map<ServerSession, unknown> };
  return before(prototype, 'forceShutdown', installation, ({ sessions }: Shut, _args, above) => {
    const stack = host.captureStack(above);
    for (const session of sessions.keys()) session[kShutdown] = stack;
  });
}

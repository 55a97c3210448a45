/** Where server calls are seen: their handlers, what those answer, and their end. */
import type { Installation } from '../../hook/installation.ts';
import { after, before, during } from '../../hook/observe.ts';
import { type AnyFunction, disguise, type Undo, undoAll } from '../../hook/replace.ts';
import type { Host } from '../../host.ts';
import type { Operation } from '../../operation/operation.ts';
import { watchConnections } from './connection.ts';
import {
  answersByCallback,
  type BaseServerCall,
  type HandlerEntry,
  kOperation,
  prototypeOf,
  type StatusObject,
  type StreamClass,
  type SurfaceCall,
} from './internals.ts';
import { isWrapped, rememberRegister } from './official.ts';
import { answeredError, watchAnswer } from './own-answer.ts';
import {
  beginIncoming,
  incomingAnswered,
  incomingDestroyed,
  incomingLeft,
  settleAnswered,
} from './server.ts';
import { noteRefusal } from './timeout-header.ts';

type Register = [path: string, handler: unknown, serialize: unknown, deserialize: unknown, type: string];

interface ServerPrototype {
  readonly register: unknown;
}

interface Server {
  readonly handlers: Map<string, WatchedEntry>;
}

/** On an entry whose handler is watched, whoever has wrapped it since. */
const kWatched: unique symbol = Symbol('opentelemetry.cancellation.grpc.watched');

type WatchedEntry = HandlerEntry & { [kWatched]?: true };

/** Who watches now: handlers stay registered while we are switched off and on again. */
interface Watch {
  host: Host;
  installation: Installation;
  /** Guarded. */
  begin: Begin;
}

/** @param args of the handler. @returns undefined when the call is not to be recorded */
type Begin = (args: unknown[], path: string, hasCallback: boolean) => Operation | undefined;

const watches = new WeakMap<object, Watch>();

export function watchServer(moduleExports: unknown, host: Host, installation: Installation): Undo {
  const { prototype } = (moduleExports as { Server: { prototype: ServerPrototype } }).Server;
  const guarded = installation.guard<unknown, Parameters<Begin>, ReturnType<Begin>>(
    (args, path, hasCallback) => {
      const operation = beginIncoming(host, args[0] as SurfaceCall, path);
      if (operation?.ownsSpan === false && hasCallback) {
        args[1] = watchAnswer(host, installation, operation, args[0] as SurfaceCall, args[1]);
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
    watchConnections(prototype, host, installation),
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
    const entry = found as WatchedEntry | null;
    if (entry === null || entry[kWatched] === true) return;
    entry[kWatched] = true;
    // We would be outside of the official instrumentation's span, and make a second one.
    if (!isWrapped(entry.func)) entry.func = watchHandler(entry.func, entry.path, entry.type, watch);
  });
}

function watchHandler(handler: AnyFunction, path: string, type: string, watch: Watch): AnyFunction {
  const hasCallback = answersByCallback(type);
  const { handle } = {
    handle(this: unknown, ...args: unknown[]): unknown {
      const { host, installation } = watch;
      if (!installation.isActive) return Reflect.apply(handler, this, args);
      const operation = watch.begin(args, path, hasCallback);
      if (operation === undefined) return Reflect.apply(handler, this, args);
      return host.run(operation, handler, this, args);
    },
  };
  disguise(handle, handler);
  return handle;
}

/** Streaming handlers answer with an error by emit('error'); destroy(error) comes down to it. */
export function watchServerStreams(moduleExports: unknown, host: Host, installation: Installation): Undo {
  const classes = moduleExports as Record<string, StreamClass>;
  const writing = prototypeOf(classes.ServerWritableStreamImpl);
  const duplex = prototypeOf(classes.ServerDuplexStreamImpl);
  const undos = [
    watchErrors(writing, host, installation),
    watchErrors(duplex, host, installation),
    watchDestroy(writing, host, installation),
    watchDestroy(duplex, host, installation),
  ];
  return () => undoAll(undos);
}

function watchErrors(prototype: object, host: Host, installation: Installation): Undo {
  return before(prototype, 'emit', installation, (surface: SurfaceCall, [event, error]: unknown[], above) => {
    // Of a stream that is destroyed nothing is sent any more.
    if (event === 'error' && !surface.destroyed) answeredError(host, surface, error, above);
  });
}

/** By hand, by pipeline() or by leaving a for-await loop. */
function watchDestroy(prototype: object, host: Host, installation: Installation): Undo {
  return before(prototype, 'destroy', installation, (surface: SurfaceCall, [error]: unknown[], above) => {
    // A stream destroys itself when it has sent its status.
    if (surface.destroyed || surface.writableFinished) return;
    incomingDestroyed(host, installation, surface, error, above);
  });
}

/** grpc-js 1.10 and later. */
export function watchServerCalls(moduleExports: unknown, host: Host, installation: Installation): Undo {
  const { prototype } = (moduleExports as { BaseServerInterceptingCall: { prototype: object } })
    .BaseServerInterceptingCall;
  const undos = [
    watchSendStatus(prototype, host, installation),
    // Told at the end of every call, which is what settled operations are for.
    before(prototype, 'notifyOnCancel', installation, (call: BaseServerCall) => incomingLeft(host, call)),
    watchLateAnswer(prototype, 'sendMessage', host, installation),
  ];
  return () => undoAll(undos);
}

/** grpc-js 1.9: another class, which tells its cancel by an event. */
export function watchServerCalls19(moduleExports: unknown, host: Host, installation: Installation): Undo {
  const { prototype } = (moduleExports as { Http2ServerCallStream: { prototype: object } })
    .Http2ServerCallStream;
  const undos = [
    watchSendStatus(prototype, host, installation),
    before(prototype, 'emit', installation, (call: BaseServerCall, [event]: unknown[]) => {
      if (event === 'cancelled') incomingLeft(host, call);
    }),
    watchLateAnswer(prototype, 'sendUnaryMessage', host, installation),
  ];
  return () => undoAll(undos);
}

function watchSendStatus(prototype: object, host: Host, installation: Installation): Undo {
  const settleLater = installation.guard(settleAnswered);
  return before(
    prototype,
    'sendStatus',
    installation,
    (call: BaseServerCall, [status]: [StatusObject], above) => {
      const operation = call[kOperation];
      if (operation === undefined) {
        noteRefusal(host, call, status);
        return;
      }
      if (operation.cancellation !== undefined) host.lateEnd(operation);
      if (!operation.isSettled) incomingAnswered(host, call, operation, status, above, settleLater);
    },
  );
}

/** The one answer of a unary or client-streaming handler; streams are destroyed at the cancel and send none. */
function watchLateAnswer(
  prototype: object,
  method: 'sendMessage' | 'sendUnaryMessage',
  host: Host,
  installation: Installation,
): Undo {
  return before(prototype, method, installation, (call: BaseServerCall) => {
    const operation = call[kOperation];
    if (operation?.cancellation !== undefined) host.lateWrite(operation, true);
  });
}

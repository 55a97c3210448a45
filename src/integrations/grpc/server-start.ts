/** A server call begins: its handler runs inside of its operation. */
import { SpanKind } from '@opentelemetry/api';
import type { Installation } from '../../hook/installation.ts';
import { type AnyFunction, disguise, replaceFunction, type Undo, undoAll } from '../../hook/replace.ts';
import type { Host } from '../../integration.ts';
import type { Operation } from '../../operation/operation.ts';
import { deadlineFrom } from './deadline.ts';
import { baseOf, kOperation, kSession, kShutdown, type ServerSession, type SurfaceCall } from './library.ts';
import { isOfficialOn, OFFICIAL_SCOPE, rememberRegister } from './official.ts';
import { metadataGetter } from './propagation.ts';
import { noteAnswer } from './server-answer.ts';
import { noteEndBeforeHandler } from './server-end.ts';
import { describeServerCall } from './span.ts';

type Register = [path: string, handler: unknown, serialize: unknown, deserialize: unknown, type: string];

/** Who watches now: handlers stay registered while we are switched off and on again. */
interface Watch {
  host: Host;
  installation: Installation;
}

interface ServerPrototype {
  readonly register: unknown;
}

const watches = new WeakMap<object, Watch>();

/** A header that overflows grpc-js's arithmetic becomes a limit days ago; a real one was never that late. */
const MAX_LATENESS_MS = 60_000;

export function watchServer(moduleExports: unknown, host: Host, installation: Installation): Undo {
  const { prototype } = (moduleExports as { Server: { prototype: ServerPrototype } }).Server;
  const watch = watches.get(prototype) ?? { host, installation };
  watch.host = host;
  watch.installation = installation;
  watches.set(prototype, watch);
  const undos = [
    rememberRegister(prototype, prototype.register),
    watchRegister(prototype, watch, installation),
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
      register(this: unknown, ...args: Register): unknown {
        const handler = args[1];
        if (installation.isActive && typeof handler === 'function') {
          const answersByCallback = args[4] === 'unary' || args[4] === 'clientStream';
          args[1] = watchHandler(handler as AnyFunction, args[0], answersByCallback, watch);
        }
        return Reflect.apply(original, this, args);
      },
    };
    return register;
  });
}

function watchHandler(
  handler: AnyFunction,
  path: string,
  answersByCallback: boolean,
  watch: Watch,
): AnyFunction {
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
  const official = host.officialSpan(SpanKind.SERVER, OFFICIAL_SCOPE);
  if (base === undefined || (official === undefined && isOfficialOn())) return undefined;
  const operation =
    official === undefined
      ? host.start(describeServerCall(session ?? GONE, path), host.extract(surface.metadata, metadataGetter))
      : host.adopt('server', 'grpc', official);
  base[kOperation] = operation;
  operation.answer = surface;
  if (session !== undefined) base[kSession] = session;
  const { deadline: at } = base;
  if (at !== Number.POSITIVE_INFINITY) {
    const deadline = deadlineFrom(at, 'grpc-timeout', undefined);
    if (deadline !== undefined && deadline.timeoutMs < -MAX_LATENESS_MS) {
      host.addFinding(
        operation,
        'timeout_malformed',
        'grpc-timeout is too large: grpc-js takes it for a time long past',
      );
    } else if (deadline !== undefined) {
      host.setDeadline(operation, deadline);
    }
  }
  // The handler of a unary call runs even when its call has ended while the request was read.
  if (base.cancelled) noteEndBeforeHandler(host, base, operation);
  return operation;
}

/** The connection is gone already, and nothing is known of it. */
const GONE: ServerSession = { destroyed: true };

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

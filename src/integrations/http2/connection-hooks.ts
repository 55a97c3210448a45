/** Where all streams of a connection are ended at once, and where a server's begin. */
import { codeOf } from '../../cancellation/reason.ts';
import { http2 } from '../../hook/built-ins.ts';
import type { Installation } from '../../hook/installation.ts';
import { before } from '../../hook/observe.ts';
import { replaceFunction, type Undo, undoAll } from '../../hook/replace.ts';
import type { Host } from '../../host.ts';
import type { StackTop } from '../../operation/captured-stack.ts';
import { type Connection, connectionOf, type Teardown } from './connection.ts';
import { watchIdleLimits, whilePassing } from './deadline.ts';
import type { Session } from './internals.ts';
import { Incoming } from './server-hooks.ts';
import type { StreamHooks } from './stream-hooks.ts';

export function watchConnections(
  host: Host,
  installation: Installation,
  prototype: object,
  streamHooks: StreamHooks,
): Undo {
  const undos = [
    watchDestroy(host, installation, prototype),
    watchEvents(host, installation, prototype, streamHooks),
    watchIdleLimits(host, installation, prototype, (session) => connectionOf(session as Session)),
  ];
  return () => undoAll(undos);
}

function watchEvents(
  host: Host,
  installation: Installation,
  prototype: object,
  streamHooks: StreamHooks,
): Undo {
  const limitOf = installation.guard((session: Session) => connectionOf(session).limit);
  const incoming = new Incoming(host, installation, streamHooks);
  return replaceFunction(prototype, 'emit', (original) => {
    const { emit } = {
      emit(this: Session, ...args: unknown[]): unknown {
        const [event] = args;
        if ((event !== 'stream' && event !== 'timeout') || !installation.isActive) {
          return Reflect.apply(original, this, args);
        }
        if (event === 'timeout') {
          const emitNow = (): unknown => Reflect.apply(original, this, args);
          return whilePassing(limitOf(this), emitNow);
        }
        // On a client: a stream that the server pushes.
        if (this.type !== http2.constants.NGHTTP2_SESSION_SERVER) return Reflect.apply(original, this, args);
        return incoming.emit(original, this, args);
      },
    };
    return emit;
  });
}

function watchDestroy(host: Host, installation: Installation, prototype: object): Undo {
  return before(prototype, 'destroy', installation, (session: Session, [error]: unknown[], above) => {
    if (session.destroyed) return;
    const connection = connectionOf(session);
    connection.teardown = whyTornDown(host, connection, error, above);
  });
}

function whyTornDown(host: Host, connection: Connection, given: unknown, above: StackTop): Teardown {
  // A number is a code for the GOAWAY.
  const error = typeof given === 'number' ? undefined : given;
  if (connection.isGone) return { kind: 'lost', error };
  const code = codeOf(error);
  if (typeof code === 'string' && code.startsWith('ERR_HTTP2_')) {
    const isByPeer = code === 'ERR_HTTP2_SESSION_ERROR' && connection.session.goawayCode !== 0;
    return { kind: isByPeer ? 'lost' : 'failed', error };
  }
  const { limit } = connection;
  return {
    kind: 'local',
    error,
    stack: host.captureStack(above),
    limit: limit?.isPassing ? limit : undefined,
  };
}

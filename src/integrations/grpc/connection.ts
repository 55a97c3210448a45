/**
 * Connections that the server itself ends, with calls in flight: at once, or when a grace period is over. On the wire, and
 * for Node, that looks as if the client had gone away.
 */
import type { Installation } from '../../hook/installation.ts';
import { after, before, during } from '../../hook/observe.ts';
import { type Undo, undoAll } from '../../hook/replace.ts';
import type { Host } from '../../host.ts';
import { CLOCK_SLACK_MS } from '../../operation/clock.ts';
import { kShutdown, type ServerSession, type Teardown } from './internals.ts';

const NGHTTP2_CANCEL = 8;
/** What grpc-js says in the GOAWAY of a connection that is too old. */
const MAX_AGE = 'max_age';
const UNLIMITED_MS = 2 ** 31 - 1;

interface Http2Server {
  on(event: 'session', listener: (session: ServerSession) => void): unknown;
}

interface Server {
  /** Those that forceShutdown() destroys. */
  readonly sessions: Map<ServerSession, unknown>;
  /** From 1.10 on. */
  readonly http2Servers: Map<Http2Server, { readonly sessions: Set<ServerSession> }>;
  readonly maxConnectionAgeMs: number;
  readonly maxConnectionAgeGraceMs: number;
}

export function watchConnections(prototype: object, host: Host, installation: Installation): Undo {
  const undos = [
    before(prototype, 'forceShutdown', installation, ({ sessions }: Server, _args, above) => {
      const teardown: Teardown = { stack: host.captureStack(above), reason: undefined };
      for (const session of sessions.keys()) session[kShutdown] = teardown;
    }),
    before(prototype, '_setupHandlers', installation, (server: Server, [http2Server]: [Http2Server]) => {
      watchAge(server, http2Server, installation);
    }),
  ];
  // From 1.10 on.
  if ('drain' in prototype) {
    undos.push(watchDrain(prototype, (server: Server) => sessionsOf(server), host, installation));
  }
  const injectors = 'experimentalCreateConnectionInjectorWithChannelzRef';
  if (injectors in prototype) {
    undos.push(
      after(prototype, injectors, installation, (server: Server, _args, injector) => {
        const own = [...server.http2Servers.values()].at(-1)?.sessions ?? [];
        watchDrain(injector as object, () => [...own], host, installation);
      }),
    );
  }
  return () => undoAll(undos);
}

function sessionsOf({ http2Servers }: Server): ServerSession[] {
  return [...http2Servers.values()].flatMap(({ sessions }) => [...sessions]);
}

/** Those that it closes are destroyed with a code when the grace period is over; nobody else does that. */
function watchDrain<Target>(
  target: object,
  sessionsOfTarget: (target: Target) => ServerSession[],
  host: Host,
  installation: Installation,
): Undo {
  return during(target, 'drain', installation, (self: Target, args: unknown[], above) => {
    const stack = host.captureStack(above);
    const reason = `drain(): ${String(args.at(-1))} ms of grace are over`;
    const open = sessionsOfTarget(self).filter(({ closed }) => !closed);
    return () => {
      for (const session of open) {
        if (!session.closed) continue;
        before(session, 'destroy', installation, ({ destroyed }: ServerSession, [code]: unknown[]) => {
          if (!destroyed && code === NGHTTP2_CANCEL) session[kShutdown] ??= { stack, reason };
        });
      }
    };
  });
}

/** Only of servers whose connections are ended for their age, whoever is using them. */
function watchAge(
  { maxConnectionAgeMs, maxConnectionAgeGraceMs: graceMs }: Server,
  http2Server: Http2Server,
  installation: Installation,
): void {
  if (maxConnectionAgeMs >= UNLIMITED_MS || graceMs >= UNLIMITED_MS) return;
  const reason = `max_connection_age: ${graceMs} ms of grace are over`;
  const watch = installation.guard((session: ServerSession): void => {
    if (!installation.isActive) return;
    let overAtMs = Number.POSITIVE_INFINITY;
    before(session, 'goaway', installation, (_session, [, , data]: unknown[]) => {
      if (String(data) === MAX_AGE) overAtMs = performance.now() + graceMs - CLOCK_SLACK_MS;
    });
    // With an error it is Node that destroys the session.
    before(session, 'destroy', installation, ({ destroyed }: ServerSession, args: unknown[]) => {
      if (destroyed || args.length > 0 || performance.now() < overAtMs) return;
      session[kShutdown] ??= { stack: undefined, reason };
    });
  });
  http2Server.on('session', watch);
}

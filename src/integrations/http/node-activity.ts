/** What Node itself is doing at this moment: a destroy() on its stack means something else then. */
import net from 'node:net';
import { http, https } from '../../hook/built-ins.ts';
import type { Installation } from '../../hook/installation.ts';
import { type AnyFunction, replaceFunction, type Undo, undoAll } from '../../hook/replace.ts';
import type { Transport } from './internals.ts';

/** The socket whose idle limit has just passed. */
let timingOut: unknown;
let shutdowns = 0;

/** True inside of the 'timeout' event of this socket, and so of those of its request, response and server. */
export function isTimingOut(socket: Transport | null | undefined): boolean {
  return timingOut !== undefined && timingOut === socket;
}

/** True inside of agent.destroy() and server.closeAllConnections(). */
export function isShuttingDown(): boolean {
  return shutdowns > 0;
}

export function watchNodeActivity(installation: Installation): Undo {
  const shutdown = (original: AnyFunction): AnyFunction => {
    const { destroyAll } = {
      destroyAll(this: unknown, ...args: unknown[]): unknown {
        if (!installation.isActive) return Reflect.apply(original, this, args);
        shutdowns++;
        try {
          return Reflect.apply(original, this, args);
        } finally {
          shutdowns--;
        }
      },
    };
    return destroyAll;
  };
  const undos = [
    replaceFunction(http.Agent.prototype, 'destroy', shutdown),
    replaceFunction(http.Server.prototype, 'closeAllConnections', shutdown),
    // https.Server has one of its own.
    replaceFunction(https.Server.prototype, 'closeAllConnections', shutdown),
    replaceFunction(net.Socket.prototype, '_onTimeout', (original) => {
      const { _onTimeout } = {
        _onTimeout(this: unknown, ...args: unknown[]): unknown {
          if (!installation.isActive) return Reflect.apply(original, this, args);
          const outer = timingOut;
          timingOut = this;
          try {
            return Reflect.apply(original, this, args);
          } finally {
            timingOut = outer;
          }
        },
      };
      return _onTimeout;
    }),
  ];
  return () => undoAll(undos);
}

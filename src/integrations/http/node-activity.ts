/** What Node itself is doing at this moment: a destroy() on its stack means something else then. */
import net from 'node:net';
import { http, https } from '../../hook/built-ins.ts';
import type { Installation } from '../../hook/installation.ts';
import { during } from '../../hook/observe.ts';
import { type Undo, undoAll } from '../../hook/replace.ts';
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
  const leaveShutdown = (): void => {
    shutdowns--;
  };
  const enterShutdown = (): (() => void) => {
    shutdowns++;
    return leaveShutdown;
  };
  const undos = [
    during(http.Agent.prototype, 'destroy', installation, enterShutdown),
    during(http.Server.prototype, 'closeAllConnections', installation, enterShutdown),
    // https.Server has one of its own.
    during(https.Server.prototype, 'closeAllConnections', installation, enterShutdown),
    during(net.Socket.prototype, '_onTimeout', installation, (socket) => {
      const outer = timingOut;
      timingOut = socket;
      return () => {
        timingOut = outer;
      };
    }),
  ];
  return () => undoAll(undos);
}

/**
 * The connection of a request: how far it is while undici makes it, and what becomes of it.
 *
 * Requests do not know a connection that is being made. undici says that it is about to make one, and the next socket
 * that connects to that host is it. A connector of the application's own that does otherwise is not followed: its
 * requests count as queued.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Socket } from 'node:net';
import { type ConnectingSocket, isResolving } from '../../hook/connecting-socket.ts';
import { before } from '../../hook/observe.ts';
import { type Undo, undoAll } from '../../hook/replace.ts';
import { destroyedBy } from './destroy-error.ts';
import type { Exchange } from './exchange.ts';
import type { Watch } from './watch.ts';

export interface Connecting {
  readonly origin: string;
  readonly hostname: string;
  readonly socket: WeakRef<UndiciSocket>;
}

interface UndiciSocket extends Socket, ConnectingSocket {
  readonly secureConnecting?: boolean;
}

interface ConnectParams {
  readonly protocol: string;
  /** With the port. */
  readonly host: string;
  readonly hostname: string;
}

const BEFORE_CONNECT = 'undici:client:beforeConnect';

export function watchConnects(watch: Watch): Undo {
  const { installation } = watch;
  let announced: ConnectParams | undefined;
  const announce = installation.guard((message: unknown): void => {
    announced = (message as { readonly connectParams: ConnectParams }).connectParams;
  });
  subscribe(BEFORE_CONNECT, announce);
  const undo = before(Socket.prototype, 'connect', installation, (socket: UndiciSocket, args: unknown[]) => {
    if (announced === undefined) return;
    const params = announced;
    announced = undefined;
    if (isTo(params.hostname, args[0])) remember(watch, socket, params);
  });
  return () => undoAll([() => unsubscribe(BEFORE_CONNECT, announce), undo]);
}

/** What the newest connection to this origin that is not made yet waits for. */
export function connectPhase(
  { connecting: inProgress }: Watch,
  origin: string,
): 'dns' | 'connect' | 'tls' | undefined {
  let phase: 'dns' | 'connect' | 'tls' | undefined;
  for (const connecting of inProgress) {
    const socket = stillConnecting(connecting);
    if (socket === undefined) inProgress.delete(connecting);
    else if (connecting.origin === origin) phase = phaseOf(socket, connecting.hostname);
  }
  return phase;
}

function phaseOf(socket: UndiciSocket, hostname: string): 'dns' | 'connect' | 'tls' {
  if (!socket.connecting) return 'tls';
  return isResolving(socket, hostname) ? 'dns' : 'connect';
}

function remember(
  { connecting: inProgress }: Watch,
  socket: UndiciSocket,
  { protocol, host, hostname }: ConnectParams,
): void {
  for (const connecting of inProgress) {
    if (stillConnecting(connecting) === undefined) inProgress.delete(connecting);
  }
  inProgress.add({
    origin: `${protocol}//${host}`,
    hostname,
    socket: new WeakRef(socket),
  });
}

function stillConnecting({ socket: reference }: Connecting): UndiciSocket | undefined {
  const socket = reference.deref();
  if (socket === undefined || socket.destroyed) return undefined;
  return socket.connecting || socket.secureConnecting ? socket : undefined;
}

/** @param given options, or net.connect()'s normalised arguments, which start with the options */
function isTo(hostname: string, given: unknown): boolean {
  const options: unknown = Array.isArray(given) ? given[0] : given;
  if (typeof options !== 'object' || options === null) return false;
  return ('host' in options && options.host === hostname) || ('path' in options && options.path != null);
}

/**
 * HTTP/1.1 cannot call off one request alone: what ends with an error takes its connection with it, in a moment.
 *
 * @returns undefined when the request had no connection yet
 */
export function outlivesError(
  watch: Watch,
  { session, socket }: Exchange,
  error: unknown,
): boolean | undefined {
  if (session !== undefined) return !session.destroyed && destroyedBy(watch, error) === undefined;
  return socket && false;
}

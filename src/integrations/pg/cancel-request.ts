/**
 * The second connection, by which PostgreSQL is asked to cancel what a backend runs. It has no answer: the server
 * signals the backend, and then closes the connection. A backend that is idle by then ignores the signal; so whatever
 * is sent to it after that close is safe.
 */
import net from 'node:net';
import tls from 'node:tls';
import type { Installation } from '../../hook/installation.ts';
import type { Client } from './internals.ts';

/** A server that has not closed the connection by then may act on it at any time. */
const LIMIT_MS = 10_000;

const CANCEL_CODE = 80877102;
const SSL_CODE = 80877103;

export class CancelRequest {
  /** From then on it may reach the server, until that has closed the connection. */
  isSent = false;
  readonly #socket: net.Socket;
  readonly #held: (() => void)[] = [];

  /**
   * @param isWanted is asked when it could be sent
   * @param over is called when it cannot reach the server any more
   * @returns undefined where it is not known how the server is reached
   */
  static for(
    client: Client,
    installation: Installation,
    isWanted: () => boolean,
    over: () => void,
  ): CancelRequest | undefined {
    const address = addressOf(client);
    const packet = packetFor(client);
    return address && packet && new CancelRequest(client, address, packet, installation, isWanted, over);
  }

  private constructor(
    client: Client,
    address: net.NetConnectOpts,
    packet: Buffer,
    installation: Installation,
    isWanted: () => boolean,
    over: () => void,
  ) {
    const socket = net.connect(address).unref();
    this.#socket = socket;
    const send = installation.guard((stream: net.Socket) => {
      if (!isWanted()) {
        socket.destroy();
        return;
      }
      this.isSent = true;
      stream.resume(); // to see its end
      stream.write(packet);
    });
    const timer = setTimeout(
      installation.guard(() => {
        // The connection is given up, rather than one of its queries hit.
        if (this.isSent) void client.end().catch(() => {});
        socket.destroy();
      }),
      LIMIT_MS,
    ).unref();
    socket.on('error', nothing);
    socket.once(
      'connect',
      installation.guard(() => secure(client, installation, socket, send)),
    );
    const letGo = (): void => {
      clearTimeout(timer);
      over();
      // What they throw is the application's, and ends where it would without us.
      for (const proceed of this.#held) process.nextTick(proceed);
    };
    socket.once('close', letGo);
  }

  /** It is not wanted any more. Not once it is sent. */
  abandon(): void {
    this.#socket.destroy();
  }

  /** Until it cannot reach the server any more. */
  hold(proceed: () => void): void {
    this.#held.push(proceed);
  }
}

function nothing(): void {}

/** The very server that the client is connected to, where its name has several. */
function addressOf({ host, port, connection }: Client): net.NetConnectOpts | undefined {
  if (host.startsWith('/')) return { path: `${host}/.s.PGSQL.${port}` };
  const { remoteAddress, remotePort } = connection.stream;
  // Otherwise the application has a way of its own to connect.
  return remoteAddress !== undefined && remotePort === Number(port)
    ? { host: remoteAddress, port: remotePort }
    : undefined;
}

function packetFor({ processID, secretKey }: Client): Buffer | undefined {
  if (typeof processID !== 'number' || typeof secretKey !== 'number') return undefined;
  const packet = Buffer.alloc(16);
  packet.writeInt32BE(packet.length, 0);
  packet.writeInt32BE(CANCEL_CODE, 4);
  packet.writeInt32BE(processID, 8);
  packet.writeInt32BE(secretKey, 12);
  return packet;
}

/** As the client's own connection is secured: the key is not to be read by others. */
function secure(
  { ssl, sslNegotiation, host }: Client,
  installation: Installation,
  socket: net.Socket,
  send: (stream: net.Socket) => void,
): void {
  if (ssl === false) {
    send(socket);
    return;
  }
  const upgrade = installation.guard(() => {
    const options: tls.ConnectionOptions = { socket, host };
    if (ssl !== true) {
      Object.assign(options, ssl);
      // pg hides it from loggers.
      if (ssl.key !== undefined) options.key = ssl.key;
    }
    if (sslNegotiation === 'direct') options.ALPNProtocols = ['postgresql'];
    if (net.isIP(host) === 0) options.servername = host;
    const stream = tls.connect(options);
    stream.on('error', () => socket.destroy());
    stream.once('close', () => socket.destroy());
    stream.once('secureConnect', () => send(stream));
  });
  if (sslNegotiation === 'direct') {
    upgrade();
    return;
  }
  const request = Buffer.alloc(8);
  request.writeInt32BE(request.length, 0);
  request.writeInt32BE(SSL_CODE, 4);
  socket.once('data', (answer) => (String(answer) === 'S' ? upgrade() : socket.destroy()));
  socket.write(request);
}

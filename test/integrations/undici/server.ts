/** Servers on real sockets that answer as the path of the request says. */
import { once } from 'node:events';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import net, { type AddressInfo } from 'node:net';

export interface UndiciServer {
  readonly origin: string;
  /** The same by name, so that it has to be looked up. */
  readonly namedOrigin: string;
  /** Accepts connections and never says a word: no TLS handshake is ever answered. */
  readonly silentOrigin: string;
  /** Nobody listens there. */
  readonly refusedOrigin: string;
  /** Resolves when a request for this path was received. */
  seen(path: string): Promise<void>;
  /** Resolves when a connection to the silent server has sent something. */
  spokenTo(): Promise<void>;
  /** Resolves when no request is being served. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

export async function startUndiciServer(): Promise<UndiciServer> {
  const waiting = new Map<string, () => void>();
  const active = new Set<ServerResponse>();
  const server = http.createServer((request, response) => {
    active.add(response);
    response.on('close', () => active.delete(response));
    const path = request.url ?? '';
    waiting.get(path)?.();
    answer(path.split('?')[0] ?? '', request, response);
  });
  server.listen(0);
  let onSilentData: (() => void) | undefined;
  const silentSockets = new Set<net.Socket>();
  const silent = net.createServer((socket) => {
    silentSockets.add(socket);
    socket.on('error', () => {}).on('data', () => onSilentData?.());
  });
  silent.listen(0, '127.0.0.1');
  await Promise.all([server, silent].map((one) => once(one, 'listening')));
  return {
    origin: `http://127.0.0.1:${portOf(server)}`,
    namedOrigin: `http://localhost:${portOf(server)}`,
    silentOrigin: `https://127.0.0.1:${portOf(silent)}`,
    // Any port that was free a moment ago may be somebody else's by now; this one is nobody's, and allowed to fetch().
    refusedOrigin: 'http://127.0.0.1:2',
    seen: (path) => new Promise((resolve) => waiting.set(path, resolve)),
    spokenTo: () =>
      new Promise((resolve) => {
        onSilentData = resolve;
      }),
    async idle() {
      while (active.size > 0) await new Promise((resolve) => setTimeout(resolve, 2));
    },
    async close() {
      server.closeAllConnections();
      server.close();
      silent.close();
      for (const socket of silentSockets) socket.destroy();
    },
  };
}

const failed = new Set<string>();

function answer(path: string, request: IncomingMessage, response: ServerResponse): void {
  const [, word, detail] = path.split('/');
  switch (word) {
    case 'status':
      if (request.url?.endsWith('?close')) response.setHeader('connection', 'close');
      response.writeHead(Number(detail)).end(detail === '204' ? undefined : 'text');
      break;
    case 'redirect':
      response.writeHead(302, { location: `/${path.split('/').slice(2).join('/')}` }).end();
      break;
    case 'endless-redirect': // its head and a first piece, and never an end
      response.writeHead(302, { location: `/${path.split('/').slice(2).join('/')}` }).write('elsewhere');
      break;
    case 'body': // a first piece, and never an end
      response.write('first'.padEnd(1000));
      break;
    case 'error': // its head and a first piece, and never an end
      response.writeHead(Number(detail)).write('first'.padEnd(1000));
      break;
    case 'late':
      setTimeout(() => response.end('late'), 200);
      break;
    case 'once': // fails the first time
      if (failed.has(path)) response.end('ok');
      else response.writeHead(503).end();
      failed.add(path);
      break;
    case 'rst':
      request.socket.resetAndDestroy();
      break;
    case 'fin':
      request.socket.destroy();
      break;
    case 'cut':
      response.write('first', () => request.socket.destroy());
      break;
    case 'upload': // reads late: until then the body is not sent to its end, and later it is seen that the client left
      setTimeout(() => request.resume(), 100);
      break;
    case 'hang':
      break;
    default:
      response.end('ok');
  }
}

function portOf(server: net.Server): number {
  return (server.address() as AddressInfo).port;
}

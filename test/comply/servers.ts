/** Servers that do what they should, and servers each with one fault. They know nothing of this package. */
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import type net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Faults {
  /** Goes on for whoever has left. */
  readonly ignoresCancel?: boolean;
  readonly ignoresDeadline?: boolean;
  /** With the limit, what it does, but not in its answer. */
  readonly answersLateWith?: number;
  /** What is passed on to the callback. @default what is left */
  readonly passesOn?: 'full' | 'more' | 'nothing' | 'own';
  /** Of a limit that it cannot read. @default 'refuse' */
  readonly wrong?: 'refuse' | 'ignore' | 'hang' | 'fail' | 'crash' | 'close' | 'cut';
  /** Calls once more at the end of its work. */
  readonly callsAgain?: boolean;
}

export interface Rules extends Faults {
  readonly header?: string;
  readonly isEnforced?: boolean;
  /** Of an operation that calls nobody. */
  readonly workMs?: number;
  readonly tls?: { readonly key: string; readonly cert: string };
}

type Request = http.IncomingMessage | http2.Http2ServerRequest;
type Response = http.ServerResponse | http2.Http2ServerResponse;

export class Served {
  readonly port: number;
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();

  constructor(server: net.Server) {
    this.#server = server;
    this.port = (server.address() as net.AddressInfo).port;
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('error', () => {});
    });
  }

  crash(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

export async function serve(protocol: 'http1' | 'http2' | 'grpc', rules: Rules = {}): Promise<Served> {
  const take = (request: Request, response: Response): void => {
    handle(protocol === 'grpc', rules, request, response, () => served.crash()).catch(() => {});
  };
  const { tls } = rules;
  const server =
    protocol === 'http1'
      ? http.createServer(take)
      : tls === undefined
        ? http2.createServer(take)
        : http2.createSecureServer({ ...tls }, take);
  const served = await listening(server);
  return served;
}

export async function listening(server: net.Server): Promise<Served> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return new Served(server);
}

async function handle(
  isGrpc: boolean,
  rules: Rules,
  request: Request,
  response: Response,
  crash: () => void,
): Promise<void> {
  const { wrong = 'refuse', workMs = 400, header = isGrpc ? 'grpc-timeout' : 'timeout-ms' } = rules;
  const end = (status: number): void => {
    if (response.writableEnded || response.destroyed) return;
    endWith(isGrpc, response, status);
  };
  const told = request.headers[header];
  const limitMs = told === undefined ? undefined : limitOf(isGrpc, String(told));
  if (told === undefined && rules.isEnforced) return end(400);
  if (Number.isNaN(limitMs)) {
    if (wrong === 'refuse') return end(400);
    if (wrong === 'fail') return end(500);
    if (wrong === 'crash') return crash();
    if (wrong === 'close')
      return 'stream' in request ? request.stream.session?.destroy() : void request.socket.destroy();
    if (wrong === 'hang') return;
  }
  const leaving = new AbortController();
  if (!rules.ignoresCancel) response.on('close', () => leaving.abort());
  const keptMs = Number.isNaN(limitMs) ? (wrong === 'cut' ? 1 : undefined) : limitMs;
  const timer =
    keptMs === undefined || keptMs >= 2 ** 31 || rules.ignoresDeadline
      ? undefined
      : setTimeout(() => {
          end(rules.answersLateWith ?? 504);
          leaving.abort();
        }, keptMs);
  const startMs = Date.now();
  try {
    const url = new URL(String(request.url), 'http://localhost');
    const callback = url.searchParams.get('callback') ?? request.headers['x-callback'];
    if (isGrpc) await once(request.resume(), 'end');
    if (callback === undefined || callback === null)
      await sleep(workMs, undefined, { signal: leaving.signal });
    else {
      await sleep(10); // which is to be missing from what is left
      const call = (): Promise<void> =>
        callDown(String(callback), header, passedOn(rules, keptMs, startMs), leaving.signal);
      await call();
      if (rules.callsAgain) await call();
    }
    end(200);
  } finally {
    clearTimeout(timer);
  }
}

function limitOf(isGrpc: boolean, text: string): number {
  if (!isGrpc) return /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  const [, count, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(text) ?? [];
  const unitMs = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 }[unit];
  return unitMs === undefined ? Number.NaN : Number(count) * unitMs;
}

function passedOn({ passesOn }: Rules, limitMs: number | undefined, startMs: number): number | undefined {
  if (passesOn === 'own') return 60_000;
  if (limitMs === undefined || passesOn === 'nothing') return undefined;
  if (passesOn === 'full') return Math.round(limitMs);
  return Math.max(0, Math.round(limitMs) - (Date.now() - startMs) + (passesOn === 'more' ? 1_000 : 0));
}

async function callDown(
  url: string,
  header: string,
  leftMs: number | undefined,
  signal: AbortSignal,
): Promise<void> {
  const value = header === 'grpc-timeout' ? `${leftMs}m` : String(leftMs);
  const request = http.get(url, {
    signal,
    agent: false,
    headers: leftMs === undefined ? {} : { [header]: value },
  });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  await once(response.resume(), 'end');
}

const GRPC_CODES: Readonly<Record<number, string>> = { 200: '0', 400: '3', 504: '4' };

function endWith(isGrpc: boolean, response: Response, status: number): void {
  if (!isGrpc) {
    response.statusCode = status;
    response.end('done');
    return;
  }
  response.setHeader('content-type', 'application/grpc');
  response.addTrailers({ 'grpc-status': GRPC_CODES[status] ?? '2' });
  response.end(Buffer.alloc(5));
}

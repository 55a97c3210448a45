/** A server of ours that the server is told to call: what it calls shows whether it passes on limits and cancels. */
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { readDeadlineHeaders } from '../cancellation/deadline-headers.ts';
import { UserError } from '../spans/user-error.ts';

export interface Call {
  readonly startMs: number;
  /** What it says is left, in ms. Undefined: nothing that can be believed. */
  readonly leftMs: number | undefined;
  readonly header: string | undefined;
  /** When whoever called gave it up. */
  leftAtMs: number | undefined;
}

/** Calls that come for one request of ours. */
export class Expected {
  readonly calls: Call[] = [];
  readonly url: string;
  #onFirst: () => void = () => {};
  readonly first: Promise<void> = new Promise((resolve) => {
    this.#onFirst = resolve;
  });
  readonly #holdMs: number;
  readonly #held = new Set<() => void>();
  #isReleased = false;

  /** @param holdMs how long a call waits for its answer */
  constructor(url: string, holdMs: number) {
    this.url = url;
    this.#holdMs = holdMs;
  }

  /** From now on calls are answered at once. */
  release(): void {
    this.#isReleased = true;
    for (const answer of this.#held) answer();
  }

  take(request: http.IncomingMessage | http2.Http2ServerRequest, response: Response): void {
    const limit = readDeadlineHeaders(request.headers, Date.now());
    const call: Call = {
      startMs: performance.now(),
      leftMs: limit?.header === undefined ? undefined : limit.timeoutMs,
      header: limit?.header,
      leftAtMs: undefined,
    };
    this.calls.push(call);
    this.#onFirst();
    request.resume();
    const answer = (): void => {
      forget();
      if (call.leftAtMs === undefined) answerCall(request, response);
    };
    const timer = setTimeout(answer, this.#isReleased ? 0 : this.#holdMs);
    const forget = (): void => {
      clearTimeout(timer);
      this.#held.delete(answer);
    };
    this.#held.add(answer);
    response.on('close', () => {
      forget();
      if (!response.writableEnded) call.leftAtMs = performance.now();
    });
  }
}

type Response = http.ServerResponse | http2.Http2ServerResponse;

function answerCall(request: { readonly headers: http.IncomingHttpHeaders }, response: Response): void {
  const isGrpc = String(request.headers['content-type']).startsWith('application/grpc');
  response.statusCode = 200;
  response.setHeader('content-type', isGrpc ? 'application/grpc' : 'application/json');
  if (isGrpc) response.addTrailers({ 'grpc-status': '0' });
  response.end(isGrpc ? Buffer.alloc(5) : '{}');
}

const PREFACE = 'PRI';

export class CallbackServer {
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  readonly #base: string;
  readonly #expected: Expected[] = [];

  private constructor(server: net.Server, host: string) {
    this.#server = server;
    const { port } = server.address() as net.AddressInfo;
    this.#base = `http://${net.isIPv6(host) ? `[${host}]` : host}:${port}/comply/`;
    const take = (request: http.IncomingMessage | http2.Http2ServerRequest, response: Response): void =>
      this.#take(request, response);
    const [one, two] = [http.createServer(take), http2.createServer(take)];
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('error', () => {});
      // HTTP/1.1, or HTTP/2 by prior knowledge, as gRPC has it.
      socket.once('data', (begin: Buffer) => {
        socket.pause();
        socket.unshift(begin);
        (begin.subarray(0, PREFACE.length).toString('latin1') === PREFACE ? two : one).emit(
          'connection',
          socket,
        );
        socket.resume();
      });
    });
  }

  /** @param port 0: one that is free. @throws {UserError} */
  static async start(host: string, port: number): Promise<CallbackServer> {
    const server = net.createServer();
    server.listen(port, host);
    try {
      await once(server, 'listening');
    } catch (error) {
      throw new UserError(
        `--callback-host ${host}: cannot listen there (${(error as NodeJS.ErrnoException).code})`,
      );
    }
    return new CallbackServer(server, host);
  }

  expect(holdMs: number): Expected {
    const expected = new Expected(`${this.#base}${this.#expected.length + 1}`, holdMs);
    this.#expected.push(expected);
    return expected;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Of gRPC the path is the method's: then it is for the request that is asked at the moment. */
  #take(request: http.IncomingMessage | http2.Http2ServerRequest, response: Response): void {
    const [, number] = /\/comply\/(\d+)/.exec(String(request.url)) ?? [];
    const expected = this.#expected[Number(number) - 1] ?? this.#expected.at(-1);
    expected?.take(request, response);
  }
}

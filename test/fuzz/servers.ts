/** The servers of a program, whose handlers do its steps. */
import { once } from 'node:events';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import http2, { type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import grpc from '@grpc/grpc-js';
import { identity } from './service.ts';
import { deferred, described, listenersOf, type Stage, turns } from './stage.ts';

export interface Ports {
  readonly http: number;
  readonly http2: number;
  readonly grpc: number;
}

type Find = (id: number) => Stage | undefined;

/** What is done to whatever the answer is written to. */
interface Answer {
  head(): void;
  chunk(): void;
  end(): void;
  destroy(): void;
  fail(): void;
  /** The other side has left. */
  readonly left: Promise<unknown>;
}

async function serve(stage: Stage, answer: Answer): Promise<void> {
  for (const step of stage.operation.steps) {
    switch (step) {
      case 'turn':
        await turns(1);
        break;
      case 'wait':
        if (stage.operation.moment !== 'never') await Promise.race([answer.left, turns(30)]);
        break;
      case 'throw':
        return answer.fail();
      case 'end':
        return answer.end();
      case 'destroy':
        return answer.destroy();
      default:
        answer[step]();
    }
  }
  answer.end();
}

export class Servers {
  readonly ports: Ports;
  readonly #close: () => void;

  private constructor(ports: Ports, close: () => void) {
    this.ports = ports;
    this.#close = close;
  }

  static async listen(find: Find): Promise<Servers> {
    const first = http.createServer((request, response) => handleHttp(find, request, response));
    const second = http2.createServer();
    const sessions = new Set<http2.ServerHttp2Session>();
    second.on('session', (session) => {
      sessions.add(session);
      session.on('close', () => sessions.delete(session));
      session.on('error', () => {});
    });
    second.on('stream', (stream, headers) => handleStream(find, stream, headers));
    first.on('clientError', (_error, socket) => socket.destroy());
    for (const server of [first, second]) await once(server.listen(0, '127.0.0.1'), 'listening');
    const third = new grpc.Server();
    third.addService(identity, handlersOf(find));
    const { promise, resolve, reject } = deferred<number>();
    third.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port);
      else reject(error);
    });
    const portOf = (server: { address(): unknown }): number => (server.address() as AddressInfo).port;
    return new Servers({ http: portOf(first), http2: portOf(second), grpc: await promise }, () => {
      first.close();
      first.closeAllConnections();
      second.close();
      for (const session of sessions) session.destroy();
      third.forceShutdown();
    });
  }

  close(): void {
    this.#close();
  }
}

function handleHttp(find: Find, request: IncomingMessage, response: ServerResponse): void {
  const stage = find(Number(request.url?.slice(1)));
  if (stage === undefined) return void response.destroy();
  const log = stage.server;
  log.push(
    `${request.method} ${request.httpVersion} ${Object.keys(request.headers).filter(isTheirs).sort()}`,
  );
  log.push(listenersOf(request), listenersOf(response));
  request.on('aborted', () => log.push('request aborted'));
  request.on('error', (error) => log.push(`request ${described(error)}`));
  request.on('end', () => log.push('request end'));
  request.on('close', () => log.push(`request close ${request.destroyed}`));
  response.on('finish', () => log.push('response finish'));
  response.on('error', (error) => log.push(`response ${described(error)}`));
  const left = new Promise<void>((resolve) => {
    response.on('close', () => {
      log.push(`response close ${response.writableFinished} ${listenersOf(response)}`);
      resolve();
      stage.over();
    });
  });
  request.resume();
  stage.begun();
  void serve(stage, {
    head: () => void (response.headersSent || response.writeHead(200, { 'x-head': 'yes' }).flushHeaders()),
    chunk: () => log.push(`write ${response.write('chunk')}`),
    end: () => void response.end('the end'),
    destroy: () => void response.destroy(new RangeError('by the handler')),
    fail: () => void (response.headersSent ? response.destroy() : response.writeHead(500).end()),
    left,
  });
}

/** Headers that an instrumentation may add. */
export function isTheirs(name: string): boolean {
  return name !== 'traceparent' && name !== 'tracestate' && name !== 'baggage';
}

function handleStream(find: Find, stream: ServerHttp2Stream, headers: http2.IncomingHttpHeaders): void {
  const stage = find(Number(headers[':path']?.slice(1)));
  if (stage === undefined) return void stream.destroy();
  const log = stage.server;
  log.push(`stream ${Object.keys(headers).filter(isTheirs).sort()} ${listenersOf(stream)}`);
  stream.on('aborted', () => log.push('aborted'));
  stream.on('error', (error) => log.push(described(error)));
  stream.on('end', () => log.push('end'));
  stream.on('finish', () => log.push('finish'));
  const left = new Promise<void>((resolve) => {
    stream.on('close', () => {
      log.push(`close ${stream.rstCode}`);
      resolve();
      stage.over();
    });
  });
  stream.resume();
  stage.begun();
  const head = (status: number): void => {
    if (!stream.headersSent && !stream.destroyed && !stream.closed) stream.respond({ ':status': status });
  };
  void serve(stage, {
    head: () => head(200),
    chunk() {
      head(200);
      if (stream.writable) log.push(`write ${stream.write('chunk')}`);
    },
    end() {
      head(200);
      stream.end('the end');
    },
    destroy: () => void stream.destroy(new RangeError('by the handler')),
    fail() {
      head(500);
      stream.end();
    },
    left,
  });
}

type Call = grpc.ServerUnaryCall<Buffer, Buffer> | grpc.ServerDuplexStream<Buffer, Buffer>;

function handlersOf(find: Find): grpc.UntypedServiceImplementation {
  const begin = (call: Call): { stage: Stage; left: Promise<void> } | undefined => {
    const stage = find(Number(call.metadata.get('op')[0]));
    if (stage === undefined) return undefined;
    const log = stage.server;
    log.push(
      `${call.getPath()} ${Object.keys(call.metadata.getMap()).filter(isTheirs).sort()} ${listenersOf(call)}`,
    );
    const left = new Promise<void>((resolve) => {
      call.on('cancelled', () => {
        log.push(`cancelled ${call.cancelled}`);
        resolve();
      });
    });
    stage.begun();
    return { stage, left };
  };
  const failure = { code: grpc.status.INTERNAL, details: 'by the handler' };
  return {
    unary(call: grpc.ServerUnaryCall<Buffer, Buffer>, answer: grpc.sendUnaryData<Buffer>) {
      const begun = begin(call);
      if (begun === undefined) return answer(failure);
      const { stage, left } = begun;
      const reply = (fail: boolean): void => {
        stage.server.push(`answers ${call.cancelled}`);
        if (fail) answer(failure);
        else answer(null, Buffer.from('the end'));
        stage.over();
      };
      void serve(stage, {
        head: () => void call.sendMetadata(new grpc.Metadata()),
        chunk: () => {},
        end: () => reply(false),
        destroy: () => reply(true),
        fail: () => reply(true),
        left,
      });
    },
    serverStream: (call: grpc.ServerDuplexStream<Buffer, Buffer>) => stream(begin(call), call),
    bidi: (call: grpc.ServerDuplexStream<Buffer, Buffer>) => stream(begin(call), call),
  };

  function stream(
    begun: { stage: Stage; left: Promise<void> } | undefined,
    call: grpc.ServerDuplexStream<Buffer, Buffer>,
  ): void {
    if (begun === undefined) return void call.destroy();
    const { stage, left } = begun;
    const log = stage.server;
    call.on('error', (error) => log.push(described(error)));
    call.on('end', () => log.push('end'));
    call.on('finish', () => log.push('finish'));
    call.on('data', () => log.push('data'));
    const over = (): void => {
      log.push(`answers ${call.cancelled}`);
      stage.over();
    };
    void serve(stage, {
      head: () => call.sendMetadata(new grpc.Metadata()),
      chunk: () => void call.write(Buffer.from('chunk')),
      end() {
        call.end();
        over();
      },
      destroy() {
        call.emit('error', { ...failure, name: 'ServiceError', message: 'by the handler' });
        over();
      },
      fail() {
        call.emit('error', failure);
        over();
      },
      left,
    });
  }
}

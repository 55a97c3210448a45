/** The clients of a program. Each ends with all that it sees written down. */
import http from 'node:http';
import http2 from 'node:http2';
import grpc from '@grpc/grpc-js';
import { Agent, request as undiciRequest } from 'undici7';
import type { Client } from './program.ts';
import type { Ports } from './servers.ts';
import { identity } from './service.ts';
import { deferred, described, listenersOf, type Stage } from './stage.ts';

/** One that does not pass. */
const LIMIT_MS = 30_000;
const BODY = 'a body of some bytes';

type Method = (metadata: grpc.Metadata, options: grpc.CallOptions) => grpc.ClientDuplexStream<Buffer, Buffer>;

export class Clients {
  readonly #ports: Ports;
  readonly #agent = new http.Agent({ keepAlive: true });
  readonly #dispatcher = new Agent();
  readonly #session: http2.ClientHttp2Session;
  readonly #stub: grpc.Client;

  constructor(ports: Ports) {
    this.#ports = ports;
    this.#session = http2.connect(`http://127.0.0.1:${ports.http2}`);
    this.#session.on('error', () => {});
    const Stub = grpc.makeGenericClientConstructor(identity, 'fuzz.Fuzz');
    this.#stub = new Stub(`127.0.0.1:${ports.grpc}`, grpc.credentials.createInsecure());
  }

  close(): void {
    this.#agent.destroy();
    void this.#dispatcher.destroy();
    this.#session.destroy();
    this.#stub.close();
  }

  async run(stage: Stage): Promise<void> {
    try {
      await this.#by(stage.operation.client, stage);
    } catch (error) {
      stage.client.push(`throws ${described(error)}`);
    }
  }

  #by(client: Client, stage: Stage): Promise<void> {
    switch (client) {
      case 'http':
        return this.#http(stage);
      case 'fetch':
        return this.#fetch(stage);
      case 'undici':
        return this.#undici(stage);
      case 'http2':
        return this.#http2(stage);
      case 'unary':
        return this.#unary(stage);
      default:
        return this.#stream(stage, client === 'bidi');
    }
  }

  #http(stage: Stage): Promise<void> {
    const { client: log, operation, signal, id } = stage;
    const request = http.request({
      host: '127.0.0.1',
      port: this.#ports.http,
      path: `/${id}`,
      method: operation.hasBody ? 'POST' : 'GET',
      agent: operation.isKeptAlive ? this.#agent : false,
      ...(usesSignal(stage) && { signal }),
      ...(operation.isLimited && { timeout: LIMIT_MS }),
    });
    stage.destroy = (error) => void request.destroy(error);
    log.push(
      listenersOf(request),
      `headers ${request.getHeaderNames().filter((name) => name !== 'traceparent')}`,
    );
    const { promise, resolve } = deferred<void>();
    request.on('error', (error) => log.push(described(error)));
    request.on('abort', () => log.push('abort'));
    request.on('finish', () => log.push('finish'));
    request.on('response', (response) => {
      log.push(`response ${response.statusCode} ${listenersOf(response)}`);
      response.on('error', (error) => log.push(`response ${described(error)}`));
      response.on('aborted', () => log.push('response aborted'));
      response.on('end', () => log.push('response end'));
      response.on('close', () => log.push(`response close ${response.complete}`));
      response.once('data', () => stage.reached('data'));
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
      response.on('end', () => log.push(`${bytes} bytes`));
      stage.reached('response');
    });
    request.on('close', () => {
      log.push(`close ${request.destroyed} ${listenersOf(request)}`);
      resolve();
    });
    request.end(operation.hasBody ? BODY : undefined);
    stage.reached('start');
    return promise;
  }

  async #fetch(stage: Stage): Promise<void> {
    const { client: log, operation, signal, id } = stage;
    const options: RequestInit = operation.hasBody ? { method: 'POST', body: BODY } : {};
    const limited = operation.isLimited ? AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]) : signal;
    const answer = fetch(`http://127.0.0.1:${this.#ports.http}/${id}`, { ...options, signal: limited });
    stage.reached('start');
    const response = await answer;
    log.push(`response ${response.status}`);
    stage.reached('response');
    const reader = response.body?.getReader();
    let bytes = 0;
    for (;;) {
      const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
      if (done) break;
      bytes += value.length;
      stage.reached('data');
    }
    log.push(`${bytes} bytes`);
  }

  async #undici(stage: Stage): Promise<void> {
    const { client: log, operation, signal, id } = stage;
    const answer = undiciRequest(`http://127.0.0.1:${this.#ports.http}/${id}`, {
      method: operation.hasBody ? 'POST' : 'GET',
      ...(operation.hasBody && { body: BODY }),
      dispatcher: this.#dispatcher,
      ...(operation.isLimited && { headersTimeout: LIMIT_MS, bodyTimeout: LIMIT_MS }),
      signal,
    });
    stage.reached('start');
    const { statusCode, body } = await answer;
    log.push(`response ${statusCode} ${listenersOf(body)}`);
    stage.destroy = (error) => void body.destroy(error);
    body.on('error', (error) => log.push(`body ${described(error)}`));
    stage.reached('response');
    let bytes = 0;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      stage.reached('data');
    }
    log.push(`${bytes} bytes`);
  }

  #http2(stage: Stage): Promise<void> {
    const { client: log, operation, signal, id } = stage;
    const headers = { ':path': `/${id}`, ':method': operation.hasBody ? 'POST' : 'GET' };
    const stream = this.#session.request(headers, {
      endStream: !operation.hasBody,
      ...(usesSignal(stage) && { signal }),
    });
    stage.destroy = (error) => {
      if (error === undefined) stream.close(http2.constants.NGHTTP2_CANCEL);
      else stream.destroy(error);
    };
    log.push(listenersOf(stream));
    if (operation.isLimited) stream.setTimeout(LIMIT_MS);
    const { promise, resolve } = deferred<void>();
    stream.on('error', (error) => log.push(described(error)));
    stream.on('aborted', () => log.push('aborted'));
    stream.on('end', () => log.push('end'));
    stream.on('response', (answer) => {
      log.push(`response ${answer[':status']}`);
      stage.reached('response');
    });
    stream.once('data', () => stage.reached('data'));
    let bytes = 0;
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    stream.on('close', () => {
      log.push(`close ${stream.rstCode} ${bytes} bytes ${listenersOf(stream)}`);
      resolve();
    });
    if (operation.hasBody) stream.end(BODY);
    stage.reached('start');
    return promise;
  }

  #unary(stage: Stage): Promise<void> {
    const { promise, resolve } = deferred<void>();
    const answered = (error: grpc.ServiceError | null, value?: Buffer): void => {
      stage.client.push(error === null ? `value ${value}` : `${error.code} ${described(error)}`);
      resolve();
    };
    const call = (
      this.#method('unary') as unknown as (
        request: Buffer,
        metadata: grpc.Metadata,
        options: grpc.CallOptions,
        answered: unknown,
      ) => grpc.ClientUnaryCall
    )(Buffer.from(BODY), metadataOf(stage), optionsOf(stage), answered);
    this.#watch(stage, call);
    return promise;
  }

  #stream(stage: Stage, isBidi: boolean): Promise<void> {
    const { client: log } = stage;
    const call = isBidi
      ? this.#method('bidi')(metadataOf(stage), optionsOf(stage))
      : (
          this.#method('serverStream') as unknown as (
            request: Buffer,
            metadata: grpc.Metadata,
            options: grpc.CallOptions,
          ) => grpc.ClientDuplexStream<Buffer, Buffer>
        )(Buffer.from(BODY), metadataOf(stage), optionsOf(stage));
    const { promise, resolve } = deferred<void>();
    call.on('error', (error) => log.push(described(error)));
    call.on('end', () => log.push('end'));
    call.once('data', () => stage.reached('data'));
    let messages = 0;
    call.on('data', () => {
      messages++;
    });
    call.on('status', () => {
      log.push(`${messages} messages`);
      resolve();
    });
    this.#watch(stage, call);
    if (isBidi) {
      if (stage.operation.hasBody) call.write(Buffer.from(BODY));
      call.end();
    }
    return promise;
  }

  /** What all kinds of calls have. */
  #watch(stage: Stage, call: grpc.ClientUnaryCall | grpc.ClientDuplexStream<Buffer, Buffer>): void {
    const { client: log } = stage;
    stage.destroy = () => call.cancel();
    log.push(listenersOf(call));
    call.on('metadata', (metadata) => {
      log.push(`metadata ${Object.keys(metadata.getMap())}`);
      stage.reached('response');
    });
    call.on('status', ({ code, details }) => {
      log.push(`status ${code} ${details} ${listenersOf(call)}`);
      // A signal is nothing to grpc-js.
    });
    if (stage.signal.aborted) call.cancel();
    else stage.signal.addEventListener('abort', () => call.cancel(), { once: true });
    stage.reached('start');
  }

  #method(name: string): Method {
    const stub = this.#stub as unknown as Record<string, Method>;
    const method = stub[name];
    if (method === undefined) throw new Error(`no method ${name}`);
    return method.bind(this.#stub);
  }
}

/** By the other means there is none, as in most programs. */
function usesSignal({ operation }: Stage): boolean {
  return !operation.means.startsWith('destroy');
}

function metadataOf({ id }: Stage): grpc.Metadata {
  const metadata = new grpc.Metadata();
  metadata.set('op', String(id));
  return metadata;
}

function optionsOf({ operation }: Stage): grpc.CallOptions {
  return operation.isLimited ? { deadline: Date.now() + LIMIT_MS } : {};
}

/** A service with one method of each kind, whose handlers a test sets, and a client for it. */
import { createRequire } from 'node:module';
import type * as Grpc from '@grpc/grpc-js';

export type Kind = 'unary' | 'clientStream' | 'serverStream' | 'bidi';
export const KINDS: readonly Kind[] = ['unary', 'clientStream', 'serverStream', 'bidi'];

export interface Message {
  readonly text: string;
}

/** Any of the four kinds of call, as a handler gets it. */
export type ServerCall = Grpc.ServerDuplexStream<Message, Message> & { readonly request?: Message };
export type Answer = Grpc.sendUnaryData<Message>;
/** The callback is there for the kinds that answer by one. */
export type Handler = (call: ServerCall, answer: Answer) => void;
/** Any of the four kinds of call, as a client gets it. */
export type ClientCall = Grpc.ClientDuplexStream<Message, Message>;

export interface StartedCall {
  readonly call: ClientCall;
  /** The error of the call, or null; resolves when the application has heard of the end. */
  readonly ended: Promise<Grpc.ServiceError | null>;
}

/** Loaded by require(), which is what the official instrumentation can see. */
export function loadGrpc(): typeof Grpc {
  return createRequire(import.meta.url)('@grpc/grpc-js') as typeof Grpc;
}

export class GrpcService {
  readonly grpc: typeof Grpc;
  readonly server: Grpc.Server;
  /** What the next call meets. */
  handler: Handler = answerAtOnce;
  readonly #clients: Grpc.Client[] = [];
  #port = 0;

  constructor(grpc: typeof Grpc, options?: Grpc.ServerOptions) {
    this.grpc = grpc;
    this.server = new grpc.Server(options);
    const handle = (call: ServerCall, answer: Answer): void => this.handler(call, answer);
    const handlers = Object.fromEntries(KINDS.map((kind) => [kind, handle]));
    this.server.addService(definition, handlers as unknown as Grpc.UntypedServiceImplementation);
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  get port(): number {
    return this.#port;
  }

  async listen(): Promise<this> {
    this.#port = await new Promise<number>((resolve, reject) => {
      this.server.bindAsync('127.0.0.1:0', this.grpc.ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
    // Before 1.10 a server had to be started; since then it complains.
    if (!('drain' in this.server)) (this.server as Grpc.Server).start();
    return this;
  }

  /** A client that is connected, or, for another address than the service's own, one that is not. */
  async client(address = this.address, options?: Grpc.ClientOptions): Promise<Grpc.Client> {
    const Client = this.grpc.makeGenericClientConstructor(definition, 'test.Echo');
    const client = new Client(address, this.grpc.credentials.createInsecure(), options);
    this.#clients.push(client);
    if (address === this.address) await ready(client);
    return client;
  }

  close(): void {
    for (const client of this.#clients) client.close();
    this.server.forceShutdown();
  }

  /** Sets the handler of the next call to one that only waits; resolves when it has been called. */
  hold(then?: Handler): Promise<ServerCall> {
    return new Promise((resolve) => {
      this.handler = (call, answer) => {
        resolve(call);
        then?.(call, answer);
      };
    });
  }
}

export function ready(client: Grpc.Client): Promise<void> {
  return new Promise((resolve, reject) => {
    client.waitForReady(Date.now() + 5_000, (error) => (error ? reject(error) : resolve()));
  });
}

/** Starts a call and sends one message; streams of requests stay open. */
export function startCall(
  client: Grpc.Client,
  kind: Kind,
  options: Grpc.CallOptions = {},
  metadata?: Grpc.Metadata,
): StartedCall {
  const message: Message = { text: 'ping' };
  const method = Reflect.get(client, kind) as (...args: unknown[]) => ClientCall;
  const leading = kind === 'unary' || kind === 'serverStream' ? [message] : [];
  if (metadata !== undefined) leading.push(metadata as never);
  let resolve: (error: Grpc.ServiceError | null) => void = () => {};
  const ended = new Promise<Grpc.ServiceError | null>((resolver) => {
    resolve = resolver;
  });
  if (kind === 'serverStream' || kind === 'bidi') {
    const call = method.call(client, ...leading, options);
    call.on('error', resolve);
    call.on('status', () => resolve(null));
    if (kind === 'bidi') call.write(message);
    return { call, ended };
  }
  const call = method.call(client, ...leading, options, (error: Grpc.ServiceError | null) => resolve(error));
  if (kind === 'clientStream') call.write(message);
  return { call, ended };
}

/** Answers every kind of call: one message, then OK. */
export function answerAtOnce(call: ServerCall, answer: Answer | undefined): void {
  if (typeof answer === 'function') {
    answer(null, { text: 'pong' });
  } else {
    call.write({ text: 'pong' });
    call.end();
  }
}

/** Answers every kind of call with an error. */
export function answerError(
  call: ServerCall,
  answer: Answer | undefined,
  error: Partial<Grpc.ServiceError>,
): void {
  if (typeof answer === 'function') answer(error);
  else call.emit('error', error);
}

/** Reads all there is: a stream that nobody reads never ends. */
export function drain(call: ClientCall): void {
  call.resume?.();
}

/** Whatever else the call emits. */
export function cancelled(call: ServerCall): Promise<void> {
  return new Promise((resolve) => {
    call.once('cancelled', () => resolve());
  });
}

export const definition = Object.fromEntries(
  KINDS.map((kind) => [
    kind,
    {
      path: `/test.Echo/${kind}`,
      requestStream: kind === 'clientStream' || kind === 'bidi',
      responseStream: kind === 'serverStream' || kind === 'bidi',
      requestSerialize: toBytes,
      requestDeserialize: fromBytes,
      responseSerialize: toBytes,
      responseDeserialize: fromBytes,
    },
  ]),
) as unknown as Grpc.ServiceDefinition;

function toBytes(message: Message): Buffer {
  return Buffer.from(JSON.stringify(message));
}

function fromBytes(bytes: Buffer): Message {
  return JSON.parse(bytes.toString()) as Message;
}

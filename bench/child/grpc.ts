import { createRequire } from 'node:module';
import type * as Grpc from '@grpc/grpc-js';
import { isByHand, type SetUp, type Workload } from '../plan.ts';
import { floorCaller, floorHandler } from './floor-grpc.ts';

// Instrumentations hook require(); an import of grpc-js would pass them by.
const grpc = createRequire(import.meta.url)('@grpc/grpc-js') as typeof Grpc;

const deadlineMs = 60_000;

export interface Item {
  id: number;
  name: string;
}
export type Handler = Grpc.handleUnaryCall<Item, Item>;
export type Done = Grpc.requestCallback<Item>;
export interface EchoClient extends Grpc.Client {
  unary(item: Item, options: Grpc.CallOptions, done: Done): Grpc.ClientUnaryCall;
  unary(item: Item, metadata: Grpc.Metadata, options: Grpc.CallOptions, done: Done): Grpc.ClientUnaryCall;
  hang(item: Item, options: Grpc.CallOptions, done: Done): Grpc.ClientUnaryCall;
  hang(item: Item, metadata: Grpc.Metadata, options: Grpc.CallOptions, done: Done): Grpc.ClientUnaryCall;
}

/** How a set-up starts and cancels calls: by the generated client alone, or with spans around it. */
export interface Caller {
  start(method: 'unary' | 'hang', item: Item, options: Grpc.CallOptions, done: Done): Grpc.ClientUnaryCall;
  cancel(call: Grpc.ClientUnaryCall): void;
}

const echo = {
  unary: unaryMethod('/bench.Echo/Unary'),
  hang: unaryMethod('/bench.Echo/Hang'),
};

function unaryMethod(path: string): Grpc.MethodDefinition<Item, Item> {
  const serialize = (item: Item) => Buffer.from(JSON.stringify(item));
  const deserialize = (bytes: Buffer) => JSON.parse(bytes.toString()) as Item;
  return {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: serialize,
    requestDeserialize: deserialize,
    responseSerialize: serialize,
    responseDeserialize: deserialize,
  };
}

export async function serve(setUp: SetUp): Promise<number> {
  const server = new grpc.Server();
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, boundPort) =>
      error === null ? resolve(boundPort) : reject(error),
    );
  });
  const unary: Handler = (call, answer) => answer(null, call.request);
  // Says that the call has arrived and never answers: the client cancels it.
  const hang: Handler = (call) => call.sendMetadata(new grpc.Metadata());
  const traced = isByHand(setUp);
  server.addService(echo, {
    unary: traced ? floorHandler(grpc, 'bench.Echo/Unary', port, unary) : unary,
    hang: traced ? floorHandler(grpc, 'bench.Echo/Hang', port, hang) : hang,
  });
  return port;
}

const Client = grpc.makeGenericClientConstructor(echo, 'bench.Echo') as unknown as new (
  address: string,
  credentials: Grpc.ChannelCredentials,
  options: Grpc.ClientOptions,
) => EchoClient;

export function connectTo(port: number): EchoClient {
  // A pool of its own: two clients never share a connection.
  const options = { 'grpc.use_local_subchannel_pool': 1 };
  return new Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), options);
}

export async function caller(setUp: SetUp, workload: Workload, port: number): Promise<() => Promise<void>> {
  const connect = () => connectTo(port);
  const callerOf = (client: EchoClient) =>
    isByHand(setUp) ? floorCaller(grpc, client, port) : plainCaller(client);
  const item = { id: 1, name: 'a small item' };
  if (workload === 'grpc-cancelled') return cancelOverFreshConnections(connect, callerOf, item);
  const client = connect();
  await new Promise<void>((resolve, reject) => {
    client.waitForReady(Date.now() + deadlineMs, (error) => (error ? reject(error) : resolve()));
  });
  const calls = callerOf(client);
  if (workload === 'grpc') return () => succeed(calls, item, {});
  if (workload === 'grpc-deadline') return () => succeed(calls, item, { deadline: Date.now() + deadlineMs });
  throw new Error(`${workload} is no gRPC workload`);
}

/** An HTTP/2 server of Node closes a connection whose client resets more than about 1,000 streams at once. */
const cancelsPerConnection = 500;

function cancelOverFreshConnections(
  connect: () => EchoClient,
  callerOf: (client: EchoClient) => Caller,
  item: Item,
): () => Promise<void> {
  const open = () => {
    const client = connect();
    return { client, calls: callerOf(client), started: 0, settled: 0 };
  };
  let current = open();
  return async () => {
    if (current.started === cancelsPerConnection) current = open();
    const used = current;
    used.started++;
    await cancelOnArrival(used.calls, item);
    used.settled++;
    // Not before: a call that has not left yet would fail with its channel.
    if (used.settled === cancelsPerConnection) used.client.close();
  };
}

function plainCaller(client: EchoClient): Caller {
  return {
    start: (method, item, options, done) => client[method](item, options, done),
    cancel: (call) => call.cancel(),
  };
}

function succeed(calls: Caller, item: Item, options: Grpc.CallOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    calls.start('unary', item, options, (error) => (error === null ? resolve() : reject(error)));
  });
}

function cancelOnArrival(calls: Caller, item: Item): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = calls.start('hang', item, {}, (error) =>
      error?.code === grpc.status.CANCELLED ? resolve() : reject(error ?? new Error('The call was answered')),
    );
    call.on('metadata', () => calls.cancel(call));
  });
}

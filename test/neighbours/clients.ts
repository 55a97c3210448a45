/** Clients as they are generated or made by hand: all of them end in the same Channel. */
import { createRequire } from 'node:module';
import type * as Grpc from '@grpc/grpc-js';
import type * as ProtoLoader from '@grpc/proto-loader';
import { type Lab, RESET, UNMARKED } from '../integrations/grpc/lab.ts';
import { answerAtOnce, definition, type Message, ready } from '../integrations/grpc/service.ts';
import type { ContractCase } from '../support/contract.ts';

type Done = (error: Grpc.ServiceError | null) => void;
type StartUnary = (options: Grpc.CallOptions, done: Done) => Grpc.ClientUnaryCall;

const ping: Message = { text: 'ping' };

export async function clientCases(lab: Lab): Promise<ContractCase[]> {
  const cases: ContractCase[] = [];
  for (const [name, start] of Object.entries(await makeClients(lab))) {
    const call = (options: Grpc.CallOptions = {}) => {
      let done: Done = () => {};
      const ended = new Promise<Grpc.ServiceError | null>((resolve) => {
        done = resolve;
      });
      return { call: start(options, done), ended };
    };
    cases.push(
      {
        name: `${name}: cancel()`,
        async stage() {
          const { started, told } = await lab.arrive(() => call());
          (function giveUp() {
            started.call.cancel();
          })();
          await Promise.all([started.ended, told]);
        },
        client: lab.cancelledIn('giveUp'),
        server: RESET,
      },
      {
        name: `${name}: the deadline passes`,
        async stage() {
          const { started, serverCall, told } = await lab.arrive(() => call({ deadline: Date.now() + 150 }));
          await Promise.all([started.ended, serverCall.cancelled || told]);
        },
        client: lab.expired({ origin: undefined, phase: 'wait' }),
      },
      {
        name: `${name}: success`,
        async stage() {
          lab.service.handler = answerAtOnce;
          await call().ended;
        },
        client: { ...UNMARKED, status: 'unset' },
        server: { ...UNMARKED, status: 'unset' },
      },
    );
  }
  return cases;
}

async function makeClients(lab: Lab): Promise<Record<string, StartUnary>> {
  const { grpc, service } = lab;
  const insecure = grpc.credentials.createInsecure();
  const unary = definition.unary as Grpc.MethodDefinition<Message, Message>;

  // What grpc_tools_node_protoc and grpc-tools write: exports.EchoClient = grpc.makeGenericClientConstructor(…).
  const EchoClient = grpc.makeGenericClientConstructor(definition, 'Echo');
  const generated = new EchoClient(service.address, insecure);

  // What ts-proto writes with outputClientImpl for grpc-js, and protobuf-ts: a class over Client.
  class EchoByClass extends grpc.Client {
    unary(message: Message, options: Grpc.CallOptions, done: Done): Grpc.ClientUnaryCall {
      return this.makeUnaryRequest(
        unary.path,
        unary.requestSerialize,
        unary.responseDeserialize,
        message,
        new grpc.Metadata(),
        options,
        done,
      );
    }
  }
  const byClass = new EchoByClass(service.address, insecure);

  // A generic client, which knows paths and bytes only: a proxy, or a tool such as a load generator.
  const generic = new grpc.Client(service.address, insecure);
  const bytes = (buffer: Buffer): Buffer => buffer;

  // Several clients may share a channel, and somebody may hand one in.
  const channel = new grpc.Channel(service.address, insecure, {});
  const onChannel = new EchoClient('ignored', insecure, { channelOverride: channel });

  const passThrough: Grpc.Interceptor = (options, nextCall) =>
    new grpc.InterceptingCall(nextCall(options), {
      start(metadata, listener, next) {
        metadata.set('x-tenant', 'sofas');
        next(metadata, listener);
      },
    });
  const intercepted = new EchoClient(service.address, insecure, { interceptors: [passThrough, passThrough] });
  const provided = new EchoClient(service.address, insecure, { interceptor_providers: [() => passThrough] });

  const loaded = await startProtoService(lab);

  const clients = [generated, byClass, generic, onChannel, intercepted, provided];
  await Promise.all(clients.map(ready));
  lab.onClose(() => {
    for (const client of clients) client.close();
    channel.close();
  });
  const byMethod =
    (client: Grpc.Client): StartUnary =>
    (options, done) =>
      Reflect.get(client, 'unary').call(client, ping, options, done);
  return {
    'a generated stub': byMethod(generated),
    'a generated class': (options, done) => byClass.unary(ping, options, done),
    'a generic client': (options, done) =>
      generic.makeUnaryRequest(
        unary.path,
        bytes,
        bytes,
        unary.requestSerialize(ping),
        new grpc.Metadata(),
        options,
        done,
      ),
    'a client on a channel of its own': byMethod(onChannel),
    'a client with interceptors': byMethod(intercepted),
    'a client with interceptor providers': byMethod(provided),
    'a client of loadPackageDefinition()': loaded,
  };
}

/** Both sides made by proto-loader, with real protobuf messages. */
async function startProtoService(lab: Lab): Promise<StartUnary> {
  const { grpc, service } = lab;
  const loader = createRequire(import.meta.url)('@grpc/proto-loader') as typeof ProtoLoader;
  const loaded = grpc.loadPackageDefinition(
    loader.fromJSON({
      nested: {
        shop: {
          nested: {
            Message: { fields: { text: { type: 'string', id: 1 } } },
            Orders: { methods: { Place: { requestType: 'Message', responseType: 'Message', comment: '' } } },
          },
        },
      },
    }),
  ) as unknown as { shop: { Orders: Grpc.ServiceClientConstructor } };
  const { Orders } = loaded.shop;
  service.server.addService(Orders.service, {
    Place: ((call, answer) => service.handler(call, answer)) as typeof service.handler as never,
  });
  const client = new Orders(service.address, grpc.credentials.createInsecure());
  lab.onClose(() => client.close());
  await ready(client);
  return (options, done) => Reflect.get(client, 'Place').call(client, ping, options, done);
}

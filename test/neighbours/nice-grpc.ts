/** nice-grpc: promises, async iterables and signals over grpc-js, client and server. */
import { createRequire } from 'node:module';
import type { CallOptions, Server } from 'nice-grpc';
import { type Lab, RESET, UNMARKED } from '../integrations/grpc/lab.ts';
import { answerAtOnce, definition, type Message } from '../integrations/grpc/service.ts';
import type { ContractCase } from '../support/contract.ts';

interface Echo {
  unary(message: Message, options?: CallOptions): Promise<Message>;
  serverStream(message: Message, options?: CallOptions): AsyncIterable<Message>;
}

interface HandlerContext {
  readonly signal: AbortSignal;
}

export async function niceGrpcCases(lab: Lab): Promise<ContractCase[]> {
  const nice = createRequire(import.meta.url)('nice-grpc') as typeof import('nice-grpc');
  const { service } = lab;
  const ping: Message = { text: 'ping' };

  const channel = nice.createChannel(service.address);
  const client: Echo = nice.createClient(definition, channel) as never;

  /** What the next call to a server of nice-grpc meets. */
  let serve: (message: Message, context: HandlerContext) => Promise<Message> = async () => ping;
  const { server, port } = await startServer(nice.createServer(), (message, context) =>
    serve(message, context),
  );
  const niceChannel = nice.createChannel(`127.0.0.1:${port}`);
  const toNice: Echo = nice.createClient(definition, niceChannel) as never;
  lab.onClose(async () => {
    channel.close();
    niceChannel.close();
    await server.forceShutdown();
  });

  return [
    {
      name: 'nice-grpc: abort() of a unary call',
      async stage() {
        const controller = new AbortController();
        const { started, told } = await lab.arrive(() =>
          failure(client.unary(ping, { signal: controller.signal })),
        );
        (function leave() {
          controller.abort();
        })();
        await Promise.all([started, told]);
      },
      client: lab.cancelledIn('leave'),
      server: RESET,
    },
    {
      name: 'nice-grpc: abort() of a stream',
      async stage() {
        const controller = new AbortController();
        const entered = service.hold((call) => call.write(ping));
        const isTold = entered.then(
          (call) => new Promise<void>((resolve) => call.on('cancelled', () => resolve())),
        );
        const reading = failure(
          readAll(client.serverStream(ping, { signal: controller.signal }), () => {
            (function leave() {
              controller.abort();
            })();
          }),
        );
        await Promise.all([reading, isTold]);
      },
      client: lab.cancelledIn('leave', { phase: 'receive' }),
      server: { ...RESET, phase: 'write' },
    },
    {
      name: 'nice-grpc: a signal of AbortSignal.timeout()',
      async stage() {
        const { started, told } = await lab.arrive(() =>
          failure(client.unary(ping, { signal: AbortSignal.timeout(300) })),
        );
        await Promise.all([started, told]);
      },
      client: {
        outcome: 'deadline_exceeded',
        initiator: 'local',
        trigger: 'signal_timeout',
        phase: 'wait',
        status: 'error',
      },
      server: RESET,
    },
    {
      name: 'nice-grpc: break out of for-await',
      async stage() {
        const entered = service.hold((call) => call.write(ping));
        const isTold = entered.then(
          (call) => new Promise<void>((resolve) => call.on('cancelled', () => resolve())),
        );
        for await (const _message of client.serverStream(ping)) break;
        await isTold;
      },
      // It destroys the stream and, unlike a raw stream, cancels the call.
      client: {
        outcome: 'context.canceled',
        initiator: 'local',
        phase: 'receive',
        status: 'error',
        attributes: { 'cancel.finding': undefined },
      },
      server: { ...RESET, phase: 'write' },
    },
    {
      name: 'nice-grpc: a stream is read to its end, whose call is cancelled all the same',
      async stage() {
        service.handler = answerAtOnce;
        await readAll(client.serverStream(ping), () => {});
      },
      client: { ...UNMARKED, status: 'unset' },
      server: { ...UNMARKED, status: 'unset' },
    },
    {
      name: 'nice-grpc: success',
      async stage() {
        service.handler = answerAtOnce;
        await client.unary(ping);
      },
      client: { ...UNMARKED, status: 'unset' },
      server: { ...UNMARKED, status: 'unset' },
    },
    {
      name: 'nice-grpc: abort() of a call to its server, whose handler is told by a signal',
      async stage() {
        const controller = new AbortController();
        const isTold = new Promise<void>((resolve) => {
          serve = (_message, { signal }) => {
            (function leave() {
              controller.abort();
            })();
            return new Promise((_resolve, reject) => {
              signal.addEventListener('abort', () => {
                resolve();
                reject(signal.reason);
              });
            });
          };
        });
        await Promise.all([failure(toNice.unary(ping, { signal: controller.signal })), isTold]);
      },
      client: lab.cancelledIn('leave'),
      server: RESET,
    },
    {
      name: 'nice-grpc: the handler of its server answers CANCELLED',
      async stage() {
        serve = async function refuse() {
          throw new nice.ServerError(nice.Status.CANCELLED, 'not today');
        };
        await failure(toNice.unary(ping));
      },
      client: {
        outcome: 'context.canceled',
        initiator: 'peer',
        trigger: 'status',
        reason: 'not today',
        origin: null,
      },
      server: { outcome: 'context.canceled', initiator: 'local', trigger: 'status', reason: 'not today' },
    },
  ];
}

async function startServer(
  server: Server,
  unary: (message: Message, context: HandlerContext) => Promise<Message>,
): Promise<{ server: Server; port: number }> {
  const unused = async (): Promise<never> => {
    throw new Error('not called here');
  };
  server.add(definition, { unary, clientStream: unused, serverStream: unused, bidi: unused } as never);
  return { server, port: await server.listen('127.0.0.1:0') };
}

async function readAll(messages: AsyncIterable<Message>, onMessage: () => void): Promise<void> {
  for await (const _message of messages) onMessage();
}

/** Resolves when the promise is rejected. */
async function failure(promise: Promise<unknown>): Promise<void> {
  await promise.then(
    () => {
      throw new Error('it succeeded');
    },
    () => {},
  );
}

/** gRPC, unary. Its calls take no signal, so they are cancelled by a listener on one, as applications do. */
import type * as Grpc from '@grpc/grpc-js';
import { definition, GrpcService, loadGrpc, ready } from '../integrations/grpc/service.ts';
import { HELD_PATH, type Load, leavable, Sessions, Waiting } from './load.ts';

type Done = (error: Error | null) => void;
type Client = Grpc.Client & {
  unary(message: object, options: Grpc.CallOptions, done: Done): { cancel(): void };
};

export async function startGrpc(shared: AbortSignal): Promise<Load> {
  const grpc = loadGrpc();
  const service = await new GrpcService(grpc).listen();
  const waiting = new Waiting();
  service.handler = (call, answer) => {
    const text = call.request?.text ?? '';
    const end = () => new Promise<void>((resolve) => call.once('cancelled', resolve));
    if (waiting.isAnswered(text, end)) return answer(null, { text });
    // As a handler does that notices the cancel: it answers, and nobody listens.
    call.once('cancelled', () => answer({ code: grpc.status.CANCELLED, details: 'noticed' }));
  };

  const Constructor = grpc.makeGenericClientConstructor(definition, 'test.Echo');
  async function connect(): Promise<Client> {
    // Else channels to the same address share a session.
    const options = { 'grpc.use_local_subchannel_pool': 1 };
    const client = new Constructor(service.address, grpc.credentials.createInsecure(), options);
    await ready(client);
    return client as unknown as Client;
  }
  const client = await connect();
  const left = new Sessions(connect, (old) => old.close());
  return {
    complete: () =>
      new Promise<void>((resolve, reject) => {
        const cancel = (): void => call.cancel();
        const call = client.unary({ text: 'hello' }, {}, (error) => {
          shared.removeEventListener('abort', cancel);
          if (error === null) resolve();
          else reject(error);
        });
        shared.addEventListener('abort', cancel);
      }),
    async cancel() {
      const { signal, leave } = leavable(shared);
      const { path: text, arrived } = waiting.expect();
      const channel = await left.forOneCancel();
      const over = new Promise<void>((resolve, reject) => {
        const call = channel.unary({ text }, {}, (error) => {
          if (error === null) reject(new Error('not cancelled'));
          else resolve();
        });
        signal.addEventListener('abort', () => call.cancel(), { once: true });
      });
      const { ended } = await arrived;
      leave();
      await Promise.all([over, ended]);
    },
    hold: () => void client.unary({ text: HELD_PATH }, {}, () => {}),
    /** An interceptor keeps it from being started. */
    forget() {
      const interceptor: Grpc.Interceptor = (options, next) =>
        new grpc.InterceptingCall(next(options), { start() {} });
      client.unary({ text: 'never' }, { interceptors: [interceptor] }, () => {});
    },
  };
}

/** Interceptors that do more than pass on. */
import type * as Grpc from '@grpc/grpc-js';
import { type Lab, RESET, UNMARKED } from '../integrations/grpc/lab.ts';
import {
  answerAtOnce,
  answerError,
  cancelled,
  drain,
  GrpcService,
  KINDS,
  startCall,
} from '../integrations/grpc/service.ts';
import type { ContractCase } from '../support/contract.ts';

export async function interceptorCases(lab: Lab): Promise<ContractCase[]> {
  const { grpc, service } = lab;
  const client = await service.client();
  const unary = (interceptor: Grpc.Interceptor, options: Grpc.CallOptions = {}) =>
    startCall(client, 'unary', { ...options, interceptors: [interceptor] });

  /** Answers by itself, and starts no call. */
  const cache: Grpc.Interceptor = (options, nextCall) => {
    let answer: Partial<Grpc.Listener> | undefined;
    return new grpc.InterceptingCall(nextCall(options), {
      start(_metadata, listener) {
        answer = listener;
      },
      sendMessage() {},
      halfClose() {
        const status = { code: grpc.status.OK, details: 'cached', metadata: new grpc.Metadata() };
        answer?.onReceiveMetadata?.(new grpc.Metadata(), () => {});
        answer?.onReceiveMessage?.({ text: 'pong' }, () => {});
        answer?.onReceiveStatus?.(status, () => {});
      },
    });
  };

  /** Starts the call only when it has a token. */
  const authorize =
    (token: Promise<string>): Grpc.Interceptor =>
    (options, nextCall) =>
      new grpc.InterceptingCall(nextCall(options), {
        start(metadata, listener, next) {
          token.then((value) => {
            metadata.set('authorization', value);
            next(metadata, listener);
          });
        },
      });

  /** Of a server. */
  const unavailable: Grpc.ServerInterceptor = (_method, call) =>
    new grpc.ServerInterceptingCall(call, {
      sendStatus(status, next) {
        next({ ...status, code: grpc.status.UNAVAILABLE });
      },
    });

  return [
    {
      name: 'an interceptor cancels the call when its answer is of no use',
      async stage() {
        const entered = service.hold((call) => call.sendMetadata(new grpc.Metadata()));
        const { ended } = unary((options, nextCall) => {
          const call = new grpc.InterceptingCall(nextCall(options), {
            start(metadata, listener, next) {
              next(metadata, {
                ...listener,
                onReceiveMetadata: function refuseHead(head, pass) {
                  call.cancelWithStatus(grpc.status.CANCELLED, 'wrong version');
                  pass(head);
                },
              });
            },
          });
          return call;
        });
        const told = entered.then(cancelled);
        await Promise.all([ended, told]);
      },
      client: lab.cancelledIn('refuseHead', { phase: ['wait', 'receive'], reason: 'wrong version' }),
      server: { ...RESET, phase: 'write' },
    },
    ...KINDS.map(
      (kind): ContractCase => ({
        name: `${kind}: an interceptor of the server makes another status of CANCELLED`,
        async stage() {
          const answers = new GrpcService(grpc, { interceptors: [unavailable] });
          await answers.listen();
          answers.handler = (call, answer) => answerError(call, answer, { code: grpc.status.CANCELLED });
          const { call, ended } = startCall(await answers.client(), kind);
          drain(call);
          await ended;
          answers.close();
        },
        client: { ...UNMARKED, status: 'error', attributes: lab.own('UNAVAILABLE') },
        // The official span ends with what the handler has said.
        server: lab.isAlone
          ? { ...UNMARKED, status: 'error', attributes: lab.own('UNAVAILABLE') }
          : { outcome: 'context.canceled', initiator: 'local', trigger: 'status' },
      }),
    ),
    {
      name: 'an interceptor swallows cancel()',
      async stage() {
        service.handler = (call, answer) => {
          started.call.cancel();
          setTimeout(answerAtOnce, 20, call, answer);
        };
        const started = unary(
          (options, nextCall) => new grpc.InterceptingCall(nextCall(options), { cancel() {} }),
        );
        await started.ended;
      },
      client: { ...UNMARKED, status: 'unset' },
      server: { ...UNMARKED, status: 'unset' },
    },
    {
      name: 'an interceptor waits for a token, then starts the call',
      async stage() {
        service.handler = answerAtOnce;
        await unary(authorize(new Promise((resolve) => setTimeout(resolve, 20, 'token')))).ended;
      },
      client: { ...UNMARKED, status: 'unset' },
      server: { ...UNMARKED, status: 'unset' },
    },
    {
      name: 'an interceptor answers by itself, and the deadline passes later',
      // Alone there is no span: grpc-js has made no call. The official one is of whatever the application asked for.
      async stage() {
        const { call, ended } = unary(cache, { deadline: Date.now() + 40 });
        await ended;
        await new Promise((resolve) => setTimeout(resolve, 80));
        call.cancel();
        lab.forgetOpen();
      },
      client: lab.isAlone ? null : { ...UNMARKED, status: 'unset' },
      server: null,
    },
    {
      name: 'cancel() while an interceptor waits for a token',
      async stage() {
        const token = new Promise<string>((resolve) => setTimeout(resolve, 30, 'token'));
        const { call } = unary(authorize(token));
        (function giveUp() {
          call.cancel();
        })();
        await token;
      },
      client: lab.cancelledIn('giveUp', { phase: 'queued', attributes: { 'rpc.grpc.rst_code': undefined } }),
      server: null,
    },
    {
      name: 'the deadline passes while an interceptor waits for a token',
      async stage() {
        const token = new Promise<string>((resolve) => setTimeout(resolve, 80, 'token'));
        unary(authorize(token), { deadline: Date.now() + 30 });
        await token;
      },
      client: lab.expired({ origin: undefined, phase: 'queued' }),
      server: null,
    },
  ];
}

/** The servers' side of calls that take several attempts: each attempt is an operation there. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { SpanKind } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import {
  answerAtOnce,
  answerError,
  cancelled,
  GrpcService,
  loadGrpc,
  startCall,
} from '../integrations/grpc/service.ts';
import { checkSpan } from '../support/contract.ts';
import { Telemetry } from '../support/telemetry.ts';
import { hedging, retrying } from './attempts.ts';

const telemetry = new Telemetry('alone');
const grpc = loadGrpc();
const service = await new GrpcService(grpc).listen();

describe('the server of a call', () => {
  after(() => service.close());

  it('with hedged attempts marks those that lost, though the call is well', async () => {
    telemetry.reset();
    const client = await service.client(service.address, hedging('0.02s'));
    const losers: Promise<void>[] = [];
    let attempt = 0;
    service.handler = (call, answer) => {
      if (++attempt === 3) answerAtOnce(call, answer);
      else losers.push(cancelled(call));
    };
    assert.equal(await startCall(client, 'unary').ended, null);
    await Promise.all(losers);
    const { clients, servers } = await spans();
    checkSpan(clients[0] as ReadableSpan, { outcome: undefined, status: 'unset' }, 'CLIENT');
    assert.equal(clients.length, 1);
    const marked = servers.filter(({ attributes }) => attributes['context.canceled'] === true);
    assert.deepEqual([servers.length, marked.length], [3, 2]);
    for (const span of marked) {
      checkSpan(
        span,
        { outcome: 'context.canceled', initiator: 'peer', trigger: 'reset', status: 'unset' },
        'SERVER',
      );
    }
  });

  it('that is retried has a span for each attempt, all below the one of the client', async () => {
    telemetry.reset();
    const client = await service.client(service.address, retrying('0.01s', 'UNAVAILABLE'));
    let attempt = 0;
    service.handler = (call, answer) => {
      if (++attempt === 3) answerAtOnce(call, answer);
      else answerError(call, answer, { code: grpc.status.UNAVAILABLE });
    };
    assert.equal(await startCall(client, 'unary').ended, null);
    const { clients, servers } = await spans();
    assert.equal(clients.length, 1);
    assert.deepEqual(
      servers.map(({ parentSpanContext }) => parentSpanContext?.spanId),
      Array(3).fill(clients[0]?.spanContext().spanId),
    );
    for (const span of servers) checkSpan(span, { outcome: undefined }, 'SERVER');
  });

  it('that an interceptor makes anew has a client span for each', async () => {
    telemetry.reset();
    const client = await service.client();
    service.handler = (call, answer) => {
      if (call.metadata.get('x-attempt')[0] === '2') answerAtOnce(call, answer);
      else answerError(call, answer, { code: grpc.status.UNAVAILABLE });
    };
    await new Promise<void>((resolve) => {
      startCall(client, 'unary', {
        interceptors: [
          (options, nextCall) => {
            const again = (): void => {
              const metadata = new grpc.Metadata();
              metadata.set('x-attempt', '2');
              const second = nextCall(options);
              second.start(metadata, { onReceiveStatus: () => resolve() });
              second.sendMessage({ text: 'ping' });
              second.halfClose();
              second.startRead();
            };
            return new grpc.InterceptingCall(nextCall(options), {
              start: (metadata, _listener, next) =>
                next(metadata, {
                  onReceiveStatus(status, pass) {
                    again();
                    pass(status);
                  },
                }),
            });
          },
        ],
      });
    });
    const { clients, servers } = await spans();
    assert.deepEqual(
      clients.map(({ attributes }) => attributes['rpc.status_code']),
      ['UNAVAILABLE', 'OK'],
    );
    assert.equal(servers.length, 2);
  });
});

async function spans(): Promise<{ clients: ReadableSpan[]; servers: ReadableSpan[] }> {
  await telemetry.allEnded();
  return {
    clients: telemetry.ended.filter(({ kind }) => kind === SpanKind.CLIENT),
    servers: telemetry.ended.filter(({ kind }) => kind === SpanKind.SERVER),
  };
}

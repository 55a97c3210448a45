import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { context, SpanKind, trace } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { Telemetry } from '../../support/telemetry.ts';
import { answerAtOnce, GrpcService, KINDS, type ServerCall, startCall } from './service.ts';

const telemetry = new Telemetry('alone');
// An import, not require(): no loader hook is there, as in any ES module application.
const grpc = await import('@grpc/grpc-js');
const { fromJSON } = await import('@grpc/proto-loader');
const service = await new GrpcService(grpc).listen();
const client = await service.client();

describe('trace context of gRPC calls, with grpc-js imported by an ES module', () => {
  after(() => service.close());

  for (const kind of KINDS) {
    it(`goes from client to server: ${kind}`, async () => {
      telemetry.reset();
      let active: string | undefined;
      service.handler = (call, answer) => {
        active = trace.getActiveSpan()?.spanContext().spanId;
        answerAtOnce(call, answer);
      };
      const started = startCall(client, kind);
      started.call.end?.();
      started.call.resume?.();
      await started.ended;
      await telemetry.allEnded();
      const [atClient, atServer] = spans();
      assert.equal(atClient.name, `test.Echo/${kind}`);
      assert.equal(atServer.name, `test.Echo/${kind}`);
      assert.equal(atServer.spanContext().traceId, atClient.spanContext().traceId);
      assert.equal(atServer.parentSpanContext?.spanId, atClient.spanContext().spanId);
      assert.equal(active, atServer.spanContext().spanId, 'the handler runs in its span');
    });
  }

  it('starts at the active span', async () => {
    telemetry.reset();
    service.handler = answerAtOnce;
    const parent = trace.getTracer('test').startSpan('parent');
    await context.with(trace.setSpan(context.active(), parent), () => startCall(client, 'unary').ended);
    parent.end();
    await telemetry.allEnded();
    assert.equal(spans()[0].parentSpanContext?.spanId, parent.spanContext().spanId);
  });

  it("leaves the application's metadata as it is, and the server's too", async () => {
    telemetry.reset();
    let received: ServerCall | undefined;
    service.handler = (call, answer) => {
      received = call;
      answerAtOnce(call, answer);
    };
    const metadata = new grpc.Metadata();
    metadata.set('tenant', 'a');
    await startCall(client, 'unary', {}, metadata).ended;
    assert.deepEqual(metadata.getMap(), { tenant: 'a' });
    assert.equal(received?.metadata.get('tenant')[0], 'a');
  });

  it('has no effect on clients and services of @grpc/proto-loader', async () => {
    telemetry.reset();
    const definition = grpc.loadPackageDefinition(fromJSON(shop as never)) as unknown as ShopPackage;
    const server = new grpc.Server();
    server.addService(definition.shop.Orders.service, {
      Place: (_call: unknown, answer: (error: null, reply: object) => void) => answer(null, { id: 'o-1' }),
    });
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
    const orders = new definition.shop.Orders(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
    const reply = await new Promise((resolve, reject) => {
      orders.place({ item: 'book' }, (error: Error | null, order: unknown) =>
        error ? reject(error) : resolve(order),
      );
    });
    assert.deepEqual(reply, { id: 'o-1' });
    await telemetry.allEnded();
    const [atClient, atServer] = spans();
    assert.equal(atClient.name, 'shop.Orders/Place');
    assert.equal(atClient.attributes['rpc.method'], 'shop.Orders/Place');
    assert.equal(atClient.attributes['rpc.system.name'], 'grpc');
    assert.equal(atClient.attributes['server.address'], '127.0.0.1');
    assert.equal(atClient.attributes['server.port'], port);
    assert.equal(atClient.attributes['network.peer.port'], port);
    assert.equal(atServer.attributes['server.port'], port);
    assert.equal(atServer.spanContext().traceId, atClient.spanContext().traceId);
    orders.close();
    server.forceShutdown();
  });
});

function spans(): [ReadableSpan, ReadableSpan] {
  const atClient = telemetry.ended.filter(({ kind }) => kind === SpanKind.CLIENT);
  const atServer = telemetry.ended.filter(({ kind }) => kind === SpanKind.SERVER);
  assert.deepEqual([atClient.length, atServer.length], [1, 1]);
  return [atClient[0] as ReadableSpan, atServer[0] as ReadableSpan];
}

interface ShopPackage {
  readonly shop: {
    readonly Orders: {
      readonly service: import('@grpc/grpc-js').ServiceDefinition;
      new (
        address: string,
        credentials: unknown,
      ): { place(order: object, done: (error: Error | null, order: unknown) => void): void; close(): void };
    };
  };
}

const shop = {
  nested: {
    shop: {
      nested: {
        Order: { fields: { item: { type: 'string', id: 1 } } },
        Placed: { fields: { id: { type: 'string', id: 1 } } },
        Orders: { methods: { Place: { requestType: 'Order', responseType: 'Placed' } } },
      },
    },
  },
};

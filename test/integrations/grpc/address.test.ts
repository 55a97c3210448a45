import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { SpanKind } from '@opentelemetry/api';
import { Telemetry } from '../../support/telemetry.ts';
import { answerAtOnce, GrpcService, loadGrpc, startCall } from './service.ts';

const telemetry = new Telemetry('alone');
const service = await new GrpcService(loadGrpc()).listen();
service.handler = answerAtOnce;

describe('the address of a gRPC server, as its client says it', () => {
  after(() => service.close());

  const { port } = service;
  const two = `127.0.0.1:${port},127.0.0.2:${port}`;
  const expected: readonly (readonly [target: string, address: string, port: number | undefined])[] = [
    [`127.0.0.1:${port}`, '127.0.0.1', port],
    [`dns:///localhost:${port}`, 'localhost', port],
    [`ipv4:127.0.0.1:${port}`, '127.0.0.1', port],
    [`ipv4:${two}`, two, undefined],
  ];
  for (const [target, address, serverPort] of expected) {
    it(target.replaceAll(String(port), 'port'), async () => {
      telemetry.reset();
      assert.equal(await startCall(await service.client(target), 'unary').ended, null);
      await telemetry.allEnded();
      const span = telemetry.ended.find(({ kind }) => kind === SpanKind.CLIENT);
      assert.equal(span?.attributes['server.address'], address);
      assert.equal(span?.attributes['server.port'], serverPort);
    });
  }
});

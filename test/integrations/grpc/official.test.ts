import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { context } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { GrpcInstrumentation } from '@opentelemetry/instrumentation-grpc';
import { CollectedMetrics, linesOf } from '../../support/collected-metrics.ts';
import { Telemetry } from '../../support/telemetry.ts';
import { answerAtOnce, GrpcService, loadGrpc, startCall } from './service.ts';

const metrics = new CollectedMetrics();
const telemetry = new Telemetry('alone', undefined, { meterProvider: metrics.provider });
const official = new GrpcInstrumentation({ ignoreGrpcMethods: ['serverStream', 'clientStream'] });
registerInstrumentations({ instrumentations: [official] });
const service = await new GrpcService(loadGrpc()).listen();
const client = await service.client();

describe('beside the official gRPC instrumentation', () => {
  after(() => service.close());

  it('makes no span of its own', async () => {
    assert.deepEqual(await spansOf('unary'), [OFFICIAL, OFFICIAL]);
    assert.deepEqual(await spansOf('bidi'), [OFFICIAL, OFFICIAL]);
  });

  it('makes none for a method that the official one ignores, and does not count it', async () => {
    await metrics.collect();
    assert.deepEqual(await spansOf('serverStream'), []);
    assert.deepEqual(await spansOf('clientStream'), []);
    assert.deepEqual(linesOf(await metrics.collect(), 'cancellation.operations'), []);
  });

  it('makes none for a call whose tracing is suppressed', async () => {
    const spans = await context.with(suppressTracing(context.active()), () => spansOf('unary'));
    assert.deepEqual(spans, [OFFICIAL]); // the server's
  });

  it('makes spans of its own when the official one is switched off', async () => {
    official.disable();
    const later = await new GrpcService(loadGrpc()).listen();
    assert.deepEqual(await spansOf('serverStream', later), [OWN, OWN]);
    later.close();
    official.enable();
  });
});

const OFFICIAL = '@opentelemetry/instrumentation-grpc';
const OWN = 'opentelemetry-instrumentation-cancellation';

async function spansOf(kind: Parameters<typeof startCall>[1], at = service): Promise<string[]> {
  telemetry.reset();
  at.handler = answerAtOnce;
  const { call, ended } = startCall(at === service ? client : await at.client(), kind);
  if (kind !== 'unary' && kind !== 'serverStream') call.end();
  call.resume?.();
  await ended;
  await telemetry.allEnded();
  return telemetry.ended.map(({ instrumentationScope }) => instrumentationScope.name);
}

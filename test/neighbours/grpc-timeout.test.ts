/** What servers of grpc-js make of `grpc-timeout`, from clients that are not grpc-js. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, describe, it } from 'node:test';
import { SpanKind } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { checkSpan } from '../support/contract.ts';
import { rawCall } from '../support/grpc-peers.ts';
import { answerAtOnce, GrpcService, loadGrpc } from '../support/grpc-service.ts';
import { Telemetry } from '../support/telemetry.ts';

const telemetry = new Telemetry('alone');
const service = await new GrpcService(loadGrpc()).listen();

/** By header: the limit in ms that the handler gets. */
const limits: Record<string, number> = {
  '90S': 90_000,
  '20000000u': 20_000,
  '5M': 300_000,
  '2H': 7_200_000,
  x20My: 1_200_000,
  '90 S': 90_000,
  '-5M': 300_000,
};
const refused = ['1', 'm', '1X', '1s'];

describe('a server that gets grpc-timeout', () => {
  after(() => service.close());

  for (const [header, limitMs] of Object.entries(limits)) {
    it(`'${header}' has that limit`, async () => {
      const [span] = await serverSpans(header);
      assert.ok(span);
      checkSpan(span, { outcome: undefined, status: 'unset' }, 'SERVER');
      assert.equal(span.attributes['deadline.source'], 'grpc-timeout');
      const timeoutMs = Number(span.attributes['deadline.timeout_ms']);
      assert.ok(timeoutMs <= limitMs + 1 && timeoutMs > limitMs - 5_000, `${timeoutMs} ms`);
    });
  }

  for (const header of refused) {
    it(`'${header}' calls no handler, and makes no span`, async () => {
      assert.deepEqual(await serverSpans(header), []);
    });
  }

  it('of nothing left calls the handler all the same', async () => {
    service.hold();
    const [span] = await serverSpans('0m', false);
    assert.ok(span);
    checkSpan(
      span,
      { outcome: 'deadline_exceeded', initiator: 'local', trigger: 'deadline', status: 'error' },
      'SERVER',
    );
  });

  for (const header of ['600H', '2147484S']) {
    it(`'${header}', which overflows, has exceeded it at once`, async () => {
      service.hold();
      const [span] = await serverSpans(header, false);
      assert.ok(span);
      checkSpan(span, { outcome: 'deadline_exceeded', finding: 'timeout_malformed' }, 'SERVER');
    });
  }

  it('not at all has no limit', async () => {
    const [span] = await serverSpans(undefined);
    assert.ok(span);
    assert.deepEqual(
      Object.keys(span.attributes).filter((key) => key.startsWith('deadline')),
      [],
    );
  });
});

async function serverSpans(header: string | undefined, isAnswered = true): Promise<ReadableSpan[]> {
  telemetry.reset();
  if (isAnswered) service.handler = answerAtOnce;
  const headers: Record<string, string> = header === undefined ? {} : { 'grpc-timeout': header };
  const { session, stream } = await rawCall(service.port, '/test.Echo/unary', headers);
  await once(stream, 'close');
  session.close();
  await telemetry.allEnded();
  assert.deepEqual(telemetry.diagnostics, []);
  return telemetry.ended.filter(({ kind }) => kind === SpanKind.SERVER);
}

/** What servers of grpc-js make of `grpc-timeout`, from clients that are not grpc-js. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, describe, it } from 'node:test';
import { SpanKind } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { rawCall } from '../integrations/grpc/peers.ts';
import { answerAtOnce, GrpcService, loadGrpc } from '../integrations/grpc/service.ts';
import { checkSpan } from '../support/contract.ts';
import { setup } from '../support/setup.ts';
import { Telemetry } from '../support/telemetry.ts';

const telemetry = new Telemetry(setup);
const service = await new GrpcService(loadGrpc()).listen();

/** By header: the limit in ms that the handler gets. */
const wellFormed: Record<string, number> = {
  '90S': 90_000,
  '90000m': 90_000,
  '99999999u': 99_999.999,
  '5M': 300_000,
  '2H': 7_200_000,
  '596H': 2_145_600_000,
};
/** By header: what is wrong with it, and the limit in ms that the handler gets all the same. */
const malformed: [header: string | string[], problem: string, limitMs: number][] = [
  ['x20My', 'breaks its grammar', 1_200_000],
  ['90 S', 'breaks its grammar', 90_000],
  ['-5M', 'breaks its grammar', 300_000],
  ['1.5M', 'breaks its grammar', 300_000],
  ['123456789m', 'breaks its grammar', 23_456_789],
  ['1200H', 'longer than timers can count', 25_032_704],
  [['90S', '80S'], 'sent more than once', 90_000],
];
const refused = ['', '1', 'm', '1X', '1s', 'infinity', '0xffffffff', '9'.repeat(200)];
const overflowing: [header: string, problem: string][] = [
  ['600H', 'longer than timers can count'],
  ['700H', 'longer than timers can count'],
  ['2147484S', 'longer than timers can count'],
];

describe(`a server that gets grpc-timeout, ${setup}`, () => {
  after(() => service.close());

  for (const [header, limitMs] of Object.entries(wellFormed)) {
    it(`'${header}' has that limit`, async () => {
      const span = await onlyServerSpan(header);
      checkSpan(span, { outcome: undefined, status: 'unset' }, 'SERVER');
      assert.ok(!('cancel.finding' in span.attributes));
      checkLimit(span, limitMs);
    });
  }

  for (const [header, problem, limitMs] of malformed) {
    it(`'${header}' is malformed, whatever limit grpc-js makes of it`, async () => {
      const span = await onlyServerSpan(header);
      checkLimit(span, limitMs);
      const detail = findingOf(span);
      const value = typeof header === 'string' ? header : header.join(', ');
      assert.ok(
        detail.startsWith(`grpc-timeout: "${value}" ${problem}; accepted: 1 to 8 digits and`),
        detail,
      );
      const takenFor = Number(/; grpc-js takes it for (\d+) ms$/.exec(detail)?.[1]);
      assert.ok(takenFor <= limitMs + 1 && takenFor > limitMs - 5_000, detail);
    });
  }

  for (const header of refused) {
    it(`'${header.slice(0, 16)}' calls no handler, and leaves a span that says why`, async () => {
      const span = await onlyServerSpan(header, false);
      checkSpan(span, { outcome: undefined, status: 'error', finding: 'timeout_malformed' }, 'SERVER');
      assert.equal(span.name, 'test.Echo/unary');
      assert.equal(span.attributes['rpc.status_code'], 'INTERNAL');
      assert.equal(span.parentSpanContext?.traceId, TRACE_ID);
      assert.ok(!('deadline.timeout_ms' in span.attributes));
      const detail = findingOf(span);
      assert.match(
        detail,
        /^grpc-timeout: ".{0,64}" breaks its grammar; accepted: .*; grpc-js refuses the call$/,
      );
    });
  }

  it('of nothing left calls the handler all the same', async () => {
    service.hold();
    const span = await onlyServerSpan('0m', false);
    checkSpan(
      span,
      { outcome: 'deadline_exceeded', initiator: 'local', trigger: 'deadline', status: 'error' },
      'SERVER',
    );
  });

  for (const [header, problem] of overflowing) {
    it(`'${header}', which overflows, has exceeded it at once`, async () => {
      service.hold();
      const span = await onlyServerSpan(header, false);
      checkSpan(span, { outcome: 'deadline_exceeded', finding: 'timeout_malformed' }, 'SERVER');
      assert.ok(!('deadline.timeout_ms' in span.attributes), 'no huge number');
      const detail = findingOf(span);
      assert.ok(detail.startsWith(`grpc-timeout: "${header}" ${problem}`), detail);
      assert.match(detail, /; grpc-js takes it for a time long past$/);
    });
  }

  it('not at all has no limit', async () => {
    const span = await onlyServerSpan(undefined);
    assert.deepEqual(
      Object.keys(span.attributes).filter((key) => key.startsWith('deadline')),
      [],
    );
  });
});

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';

async function onlyServerSpan(
  header: string | string[] | undefined,
  isAnswered = true,
): Promise<ReadableSpan> {
  telemetry.reset();
  if (isAnswered) service.handler = answerAtOnce;
  const headers: Record<string, string | string[]> = { traceparent: `00-${TRACE_ID}-b7ad6b7169203331-01` };
  if (header !== undefined) headers['grpc-timeout'] = header;
  const { session, stream } = await rawCall(service.port, '/test.Echo/unary', headers);
  await once(stream, 'close');
  session.close();
  await telemetry.allEnded();
  assert.deepEqual(telemetry.diagnostics, []);
  const [span, ...others] = telemetry.ended.filter(({ kind }) => kind === SpanKind.SERVER);
  assert.ok(span);
  assert.deepEqual(others, []);
  return span;
}

function checkLimit({ attributes }: ReadableSpan, limitMs: number): void {
  assert.equal(attributes['deadline.source'], 'grpc-timeout');
  const timeoutMs = Number(attributes['deadline.timeout_ms']);
  assert.ok(timeoutMs <= limitMs + 1 && timeoutMs > limitMs - 5_000, `${timeoutMs} ms`);
}

/** The detail of the only finding. */
function findingOf({ attributes, events }: ReadableSpan): string {
  assert.equal(attributes['cancel.finding'], 'timeout_malformed');
  const findings = events.filter(({ name }) => name === 'cancel.finding');
  assert.equal(findings.length, 1);
  return String(findings[0]?.attributes?.['cancel.finding.detail']);
}

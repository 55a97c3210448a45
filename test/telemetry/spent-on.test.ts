import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Attributes, INVALID_SPAN_CONTEXT, SpanKind, trace } from '@opentelemetry/api';
import { spentOn, undoes } from '../../src/telemetry/spent-on.ts';

const on = (attributes: Attributes, kind: SpanKind = SpanKind.CLIENT) =>
  spentOn({ ...trace.wrapSpanContext(INVALID_SPAN_CONTEXT), kind, attributes } as never);
const isUndoing = (attributes: Attributes) =>
  undoes({ ...trace.wrapSpanContext(INVALID_SPAN_CONTEXT), attributes } as never);

describe('what time is spent on', () => {
  const cases: readonly [Attributes, ReturnType<typeof on>][] = [
    [{ 'db.system': 'redis' }, 'db'],
    [{ 'db.system.name': 'postgresql' }, 'db'],
    [{ 'rpc.system': 'aws-api', 'db.system': 'dynamodb' }, 'db'],
    [{ 'rpc.system': 'aws-api', 'messaging.system': 'aws_sqs' }, 'messaging'],
    [{ 'rpc.system.name': 'grpc' }, 'rpc'],
    [{ 'http.method': 'GET' }, 'http'],
    [{ 'http.request.method': 'GET' }, 'http'],
    [{ 'net.peer.name': 'localhost' }, undefined],
  ];
  for (const [attributes, expected] of cases) {
    it(`${JSON.stringify(attributes)} is ${expected}`, () => assert.equal(on(attributes), expected));
  }
  it('a PRODUCER sends messages', () => assert.equal(on({}, SpanKind.PRODUCER), 'messaging'));
});

describe('what is right to do after a cancel', () => {
  const undoing: readonly Attributes[] = [
    { 'db.statement': 'ROLLBACK' },
    { 'db.query.text': '  rollback to savepoint a' },
    { 'db.operation.name': 'abortTransaction' },
    { 'db.statement': 'KILL QUERY 12' },
    { 'db.query.text': 'select pg_cancel_backend(12)' },
    { 'db.query.text': 'SELECT pg_advisory_unlock($1)' },
  ];
  for (const attributes of undoing) {
    it(JSON.stringify(attributes), () => assert.equal(isUndoing(attributes), true));
  }
  for (const attributes of [{}, { 'db.statement': "SELECT 'ROLLBACK'" }, { 'db.query.text': 'COMMIT' }]) {
    it(`not ${JSON.stringify(attributes)}`, () => assert.equal(isUndoing(attributes as Attributes), false));
  }
});

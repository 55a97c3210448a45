import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { INVALID_SPAN_CONTEXT, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import type { Side } from '../../src/operation/operation.ts';
import { OpenOperations } from '../../src/telemetry/open-operations.ts';
import { OperationRecord } from '../../src/telemetry/operation-record.ts';

const LIMIT = 10_000;
const span = trace.wrapSpanContext(INVALID_SPAN_CONTEXT);

function begin(open: OpenOperations, side: Side, count = 1): OperationRecord[] {
  return Array.from({ length: count }, () => {
    const operation = new OperationRecord(side, 'http', span, true, ROOT_CONTEXT, undefined, 0);
    open.add(operation);
    return operation;
  });
}

describe('open operations', () => {
  it('are followed up to a limit on each side, whatever the other one has', () => {
    const open = new OpenOperations();
    const incoming = begin(open, 'server', LIMIT);
    const outgoing = begin(open, 'client', LIMIT);
    assert.deepEqual(open.of('server'), incoming);
    assert.deepEqual(open.of('client'), outgoing);
    assert.equal(open.count, 2 * LIMIT);
  });

  it('beyond it make way, the oldest first, and are counted until they are over', () => {
    const open = new OpenOperations();
    const [incoming] = begin(open, 'server');
    const [oldest, second] = begin(open, 'client', LIMIT + 1) as [OperationRecord, OperationRecord];
    assert.equal(open.of('client').length, LIMIT);
    assert.equal(open.of('client')[0], second);
    assert.deepEqual(open.of('server'), [incoming]);
    assert.equal(open.count, LIMIT + 2);
    open.delete(oldest);
    assert.equal(open.count, LIMIT + 1);
    assert.equal(open.of('client').length, LIMIT);
  });

  it('know the incoming one that is alone', () => {
    const open = new OpenOperations();
    begin(open, 'client', 2);
    assert.equal(open.loneIncoming(), undefined);
    const [first, second] = begin(open, 'server', 2) as [OperationRecord, OperationRecord];
    assert.equal(open.loneIncoming(), undefined);
    open.delete(first);
    assert.equal(open.loneIncoming(), second);
    open.delete(second);
    assert.equal(open.count, 2);
  });
});

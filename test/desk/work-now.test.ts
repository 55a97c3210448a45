/** Work that goes on for nobody: what is said of it, by whom, and that nothing is said any more. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SpanStore } from '../../src/desk/store.ts';
import { WorkNow } from '../../src/desk/work-now.ts';
import { spansOfOtlp } from '../../src/spans/otlp.ts';
import type { ExportedSpan } from '../../src/spans/span.ts';
import { lastingOf } from '../../src/spans/work-announcement.ts';

const traceId = 'a'.repeat(32);

function said(parentSpanId: string, given: Partial<ExportedSpan> = {}): ExportedSpan {
  return {
    ...{ traceId, spanId: 'f'.repeat(16), parentSpanId, name: 'work goes on', kind: 'internal' },
    ...{ serviceName: 'shop', scopeName: 'opentelemetry-instrumentation-cancellation' },
    ...{ startMs: 1_000, endMs: 1_200, durationMs: 200, status: { code: 'unset', message: '' } },
    ...{ attributes: { 'cancel.settled': false, 'cancel.work.for': 'GET' }, events: [], links: [] },
    ...given,
  };
}

const over = { attributes: { 'cancel.settled': true } };

describe('work that goes on now', () => {
  it('is there until it is over, once, and is no span of its trace', () => {
    const store = new SpanStore();
    const work = new WorkNow(store);
    const all = [said('1'), said('2'), said('1')];
    store.add(all);
    work.hear(all, 2_000);
    assert.equal(store.spanCount, 0);
    assert.deepEqual(
      work.works(2_000).map(({ spanId, operation }) => [spanId, operation]),
      [
        ['2', 'GET'],
        ['1', 'GET'],
      ],
    );
    work.hear([said('2', over)], 3_000);
    assert.deepEqual(
      work.works(3_000).map(({ spanId }) => spanId),
      ['1'],
    );
    work.hear([said('1', over), said('3', over)], 3_000);
    assert.deepEqual(work.works(3_000), []);
  });
  it('has the name of what was cancelled, once that span is there', () => {
    const store = new SpanStore();
    const work = new WorkNow(store);
    work.hear([said('1')], 2_000);
    store.add([said('0', { name: 'GET', spanId: '1', attributes: { 'http.route': '/orders/:id' } })]);
    assert.equal(work.works(2_000)[0]?.operation, 'GET /orders/:id');
  });
  it('is of a process that has ended, or is blocked, when nothing was heard for ten seconds; then it is gone', () => {
    const work = new WorkNow(new SpanStore());
    work.hear([said('1')], 2_000);
    const { changeCount } = work;
    assert.deepEqual(
      [11_999, 12_000, 71_999].map((nowMs) => work.works(nowMs).map(({ isSilent }) => isSilent)),
      [[false], [true], [true]],
    );
    assert.deepEqual(work.works(72_000), []);
    work.hear([said('1')], 12_000);
    assert.equal(work.works(12_000)[0]?.isSilent, false);
    assert.equal(work.changeCount, changeCount + 1);
  });
  it('is not kept: of a request that has it the rest is', () => {
    const scope = { name: 'opentelemetry-instrumentation-cancellation' };
    const announcement = { traceId, spanId: 'a', name: 'work goes on' };
    const lasting = { traceId, spanId: 'b', name: 'GET' };
    const requestOf = (...spans: object[]): object => ({
      resourceSpans: [{ resource: {}, scopeSpans: [{ scope, spans }, { spans: [announcement] }] }],
    });
    const both = requestOf(announcement, lasting);
    assert.deepEqual(lastingOf(both, spansOfOtlp(both) ?? []), requestOf(lasting));
    const none = requestOf(lasting);
    assert.equal(lastingOf(none, spansOfOtlp(none) ?? []), none);
    assert.equal(lastingOf(both, [said('1')]), undefined);
  });
  it('is only what the instrumentation says; of a thousand and one the oldest makes room', () => {
    const store = new SpanStore();
    const work = new WorkNow(store);
    work.hear([said('1', { scopeName: 'shop' })], 2_000);
    assert.equal(work.changeCount, 0);
    store.add([said('1', { scopeName: 'shop' })]);
    assert.equal(store.spanCount, 1);
    work.hear(
      Array.from({ length: 1_001 }, (_, index) => said(`${index}`)),
      2_000,
    );
    assert.equal(work.works(2_000).length, 1_000);
    assert.ok(!work.works(2_000).some(({ spanId }) => spanId === '0'));
  });
});

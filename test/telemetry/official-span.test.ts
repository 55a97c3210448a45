import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { context, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import {
  aborted,
  exported,
  nextTurn,
  OFFICIAL,
  officialSpan,
  ownersTurns,
  peerGone,
  provider,
  recorderWith,
  timedOut,
  warnings,
} from './recorder-lab.ts';

describe('an official span', () => {
  function inSpan<T>(span: Span, fn: () => T): T {
    return context.with(trace.setSpan(context.active(), span), fn);
  }

  it('is the active one of the right kind and scope that nobody has claimed', () => {
    const recorder = recorderWith();
    const span = officialSpan();
    const find = (kind = SpanKind.CLIENT, scope = OFFICIAL): Span | undefined =>
      inSpan(span, () => recorder.officialSpan(kind, [scope]));
    assert.equal(recorder.officialSpan(SpanKind.CLIENT, [OFFICIAL]), undefined, 'none is active');
    assert.equal(find(), span);
    assert.equal(find(SpanKind.SERVER), undefined);
    assert.equal(find(SpanKind.CLIENT, 'another'), undefined);
    const operation = inSpan(span, () => recorder.adopt('client', 'http', span));
    assert.equal(find(), undefined, 'claimed');
    recorder.settle(operation);
    assert.equal(find(), span, 'free for a retry');
    span.end();
    assert.equal(find(), undefined, 'ended');
  });

  it('is recognised in the shape of SDK 1.x', () => {
    const recorder = recorderWith();
    const span = {
      kind: SpanKind.SERVER,
      instrumentationLibrary: { name: OFFICIAL },
      isRecording: () => true,
      spanContext: () => ({ traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: 1 }),
    } as unknown as Span;
    assert.equal(
      inSpan(span, () => recorder.officialSpan(SpanKind.SERVER, [OFFICIAL])),
      span,
    );
    assert.equal(
      inSpan(span, () => recorder.officialSpan(SpanKind.SERVER, ['another', OFFICIAL.slice(1)])),
      undefined,
    );
  });

  it('of SDK 1.x has its parent in parentSpanId, and no addLink()', () => {
    const recorder = recorderWith();
    const parent = provider.getTracer('app').startSpan('parent');
    const written: Record<string, unknown> = {};
    const span = {
      kind: SpanKind.CLIENT,
      parentSpanId: parent.spanContext().spanId,
      instrumentationLibrary: { name: OFFICIAL },
      isRecording: () => true,
      spanContext: () => ({ traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: 1 }),
      setAttribute: (key: string, value: unknown) => Object.assign(written, { [key]: value }),
      setAttributes: (attributes: object) => Object.assign(written, attributes),
      setStatus: () => {},
      addEvent: () => {},
      end: () => {},
    } as unknown as Span;
    const operation = inSpan(span, () => recorder.adopt('client', 'http', span));
    inSpan(parent, () => recorder.cancel(operation, aborted));
    assert.equal(written['context.canceled'], true);
    assert.equal('cancel.cause.span_id' in written, false);
    const other = provider.getTracer('app').startSpan('other');
    const second = inSpan(span, () => recorder.adopt('client', 'http', span));
    inSpan(other, () => recorder.cancel(second, aborted));
    assert.equal(written['cancel.cause.span_id'], other.spanContext().spanId);
  });

  it('that no SDK made is left alone', () => {
    const recorder = recorderWith();
    const span = trace.wrapSpanContext({ traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: 1 });
    assert.equal(
      inSpan(span, () => recorder.officialSpan(SpanKind.CLIENT, [OFFICIAL])),
      undefined,
    );
  });

  it('stays to be ended by its owner when nobody cancelled', async () => {
    const recorder = recorderWith();
    const span = officialSpan();
    const operation = recorder.adopt('client', 'http', span);
    recorder.settle(operation, { attributes: { 'http.response.status_code': 200 }, isError: true });
    await ownersTurns();
    assert.equal(span.isRecording(), true);
    span.end();
    assert.deepEqual(exported().attributes, {});
    assert.equal(exported().status.code, SpanStatusCode.UNSET);
  });

  it('ends as its owner ends it, when that is in the turn of the cancel, with our tags and our status', async () => {
    const recorder = recorderWith();
    const span = officialSpan();
    const operation = recorder.adopt('client', 'http', span);
    recorder.cancel(operation, aborted);
    recorder.settle(operation);
    span.setAttribute('error.type', 'AbortError');
    span.setStatus({ code: SpanStatusCode.ERROR, message: 'The operation was aborted' });
    span.end();
    await ownersTurns();
    assert.equal(exported().attributes['context.canceled'], true);
    assert.equal(exported().attributes['error.type'], 'AbortError');
    assert.deepEqual(exported().status, { code: SpanStatusCode.UNSET });
  });

  it('ends as of the cancel with what its owner says a turn later', async () => {
    const recorder = recorderWith();
    const span = officialSpan(SpanKind.SERVER);
    const operation = recorder.adopt('server', 'http', span);
    recorder.cancel(operation, peerGone);
    recorder.settle(operation, { attributes: { 'http.route': '/ours' }, endsOfficialSpan: true });
    const settledAt = Date.now();
    await nextTurn();
    const busyUntil = Date.now() + 20;
    while (Date.now() < busyUntil);
    span.setAttributes({ 'http.route': '/theirs' });
    span.updateName('GET /theirs');
    span.end();
    const { name, attributes, endTime } = exported();
    assert.equal(name, 'GET /theirs');
    assert.equal(attributes['http.route'], '/theirs');
    assert.ok(endTime[0] * 1e3 + endTime[1] / 1e6 <= settledAt + 2, 'not when its owner came');
  });

  it('gets what is known of the end where its owner does not come', async () => {
    const recorder = recorderWith();
    const span = officialSpan(SpanKind.SERVER);
    const operation = recorder.adopt('server', 'http', span);
    recorder.cancel(operation, peerGone);
    const attributes = { 'http.route': '/slow' };
    recorder.settle(operation, { name: 'GET /slow', attributes, endsOfficialSpan: true });
    await ownersTurns();
    assert.equal(exported().name, 'GET /slow');
    assert.equal(exported().attributes['http.route'], '/slow');
  });

  it('does not get what would not be true', async () => {
    const recorder = recorderWith();
    const span = officialSpan(SpanKind.SERVER);
    const operation = recorder.adopt('server', 'http', span);
    recorder.cancel(operation, peerGone);
    recorder.settle(operation, { withheld: 'http.response.status_code' });
    span.setAttributes({ 'http.response.status_code': 200, 'http.route': '/slow' });
    span.setAttribute('http.response.status_code', 200);
    span.end();
    assert.equal(exported().attributes['http.route'], '/slow');
    assert.equal('http.response.status_code' in exported().attributes, false);
  });

  it('is ended by us where its owner does not, as of the cancel, and the owner may come back in silence', async () => {
    const recorder = recorderWith();
    const span = officialSpan(SpanKind.SERVER);
    const operation = recorder.adopt('server', 'http', span);
    const before = Date.now();
    recorder.cancel(operation, peerGone);
    recorder.settle(operation);
    const after = Date.now();
    await ownersTurns();
    const endMs = (exported().endTime[0] * 1e9 + exported().endTime[1]) / 1e6;
    assert.ok(endMs >= before - 1 && endMs <= after + 1, `${before} ${endMs} ${after}`);
    // What an owner does to a span; each would be a warning of the SDK.
    assert.equal(span.setAttribute('late', 1), span);
    assert.equal(span.setAttributes({ late: 1 }), span);
    assert.equal(span.addEvent('late'), span);
    assert.equal(span.addLink({ context: span.spanContext() }), span);
    assert.equal(span.addLinks([]), span);
    assert.equal(span.setStatus({ code: SpanStatusCode.OK }), span);
    assert.equal(span.updateName('late'), span);
    span.recordException(new Error('late'));
    span.end();
    span.end();
    assert.equal(exported().name, 'GET');
    assert.equal('late' in exported().attributes, false);
    assert.deepEqual(
      exported().events.map(({ name }) => name),
      ['context.canceled'],
    );
    assert.deepEqual(warnings, []);
  });

  it('leaves nothing to be seen on the span', async () => {
    const recorder = recorderWith();
    const span = officialSpan();
    const keys = Object.keys(span);
    const operation = recorder.adopt('client', 'http', span);
    recorder.cancel(operation, aborted);
    recorder.settle(operation);
    await ownersTurns();
    assert.deepEqual(
      Object.keys(span).filter((key) => !keys.includes(key)),
      [],
    );
  });

  it('is an error when the conventions say so, whatever its owner says later', async () => {
    const recorder = recorderWith();
    const span = officialSpan();
    const operation = recorder.adopt('client', 'grpc', span);
    recorder.cancel(operation, timedOut);
    recorder.settle(operation);
    span.setStatus({ code: SpanStatusCode.OK });
    span.end();
    await ownersTurns();
    assert.equal(exported().status.code, SpanStatusCode.ERROR);
  });
});

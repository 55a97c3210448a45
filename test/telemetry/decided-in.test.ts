import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Context, context, type Span, trace } from '@opentelemetry/api';
import {
  aborted,
  described,
  exported,
  exporter,
  peerGone,
  provider,
  recorderWith,
  timedOut,
} from './recorder-lab.ts';

describe('owner and cause', () => {
  it('of an outgoing operation is the incoming one in whose context it is started', () => {
    const recorder = recorderWith();
    const incoming = recorder.start(described('server'));
    const outgoing = recorder.run(incoming, () => recorder.start(described()), undefined, []);
    assert.equal(outgoing.owner, incoming);
    assert.equal(recorder.start(described()).owner, undefined);
    assert.equal(recorder.run(outgoing, () => recorder.start(described()), undefined, []).owner, incoming);
    assert.equal(
      recorder.run(incoming, () => recorder.start(described('server')), undefined, []).owner,
      undefined,
    );
  });

  it('of an inherited cancel are on the span, linked, with the time it took', () => {
    const recorder = recorderWith();
    const incoming = recorder.start(described('server'));
    const outgoing = recorder.run(incoming, () => recorder.start(described()), undefined, []);
    recorder.cancel(incoming, peerGone);
    recorder.cancel(outgoing, aborted);
    recorder.settle(outgoing);
    const { attributes, links } = exported();
    const cause = incoming.span.spanContext();
    assert.equal(attributes['cancel.initiator'], 'inherited');
    assert.equal(attributes['cancel.cause.trace_id'], cause.traceId);
    assert.equal(attributes['cancel.cause.span_id'], cause.spanId);
    assert.ok(Number(attributes['cancel.propagation_ms']) >= 0);
    assert.deepEqual(
      links.map((link) => link.context.spanId),
      [cause.spanId],
    );
  });

  it('of a local cancel is the active span, when that is neither its own nor its parent', () => {
    const recorder = recorderWith();
    const parent = provider.getTracer('app').startSpan('parent');
    const other = provider.getTracer('app').startSpan('other');
    const within = (span: Span): Context => trace.setSpan(context.active(), span);
    for (const [active, expected] of [
      [parent, undefined],
      [other, other.spanContext().spanId],
      [undefined, undefined],
    ] as const) {
      exporter.reset();
      const operation = recorder.start(described(), within(parent));
      const cancel = (): void => recorder.cancel(operation, aborted);
      if (active === undefined) cancel();
      else context.with(within(active), cancel);
      recorder.settle(operation);
      assert.equal(exported().attributes['cancel.cause.span_id'], expected);
      assert.equal(exported().links.length, expected === undefined ? 0 : 1);
    }
    exporter.reset();
    const own = recorder.start(described(), within(parent));
    recorder.run(own, () => recorder.cancel(own, aborted), undefined, []);
    recorder.settle(own);
    assert.equal('cancel.cause.span_id' in exported().attributes, false);
  });

  it('is none of a cancel by the peer or of a time limit, whatever is active', () => {
    const recorder = recorderWith();
    const other = provider.getTracer('app').startSpan('other');
    for (const evidence of [peerGone, timedOut]) {
      exporter.reset();
      const operation = recorder.start(described());
      context.with(trace.setSpan(context.active(), other), () => recorder.cancel(operation, evidence));
      recorder.settle(operation);
      assert.equal('cancel.cause.span_id' in exported().attributes, false);
    }
  });
});

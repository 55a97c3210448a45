import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { context, createContextKey, trace } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import { described, recorderWith } from './recorder-lab.ts';

describe('run()', () => {
  it('calls with this, arguments, result and error untouched, in the context of the operation', () => {
    const recorder = recorderWith();
    const operation = recorder.start(described());
    const self = {};
    const result = recorder.run(
      operation,
      function (this: unknown, ...args: unknown[]) {
        return [this, args, trace.getActiveSpan()];
      },
      self,
      [1, 'two'],
    );
    assert.equal(result[0], self);
    assert.deepEqual(result[1], [1, 'two']);
    assert.equal(result[2], operation.span);
    const error = new Error('theirs');
    const throws = (): never => {
      throw error;
    };
    assert.throws(
      () => recorder.run(operation, throws, undefined, []),
      (thrown) => thrown === error,
    );
    recorder.settle(operation);
  });
});

describe('propagation', () => {
  it('writes and reads W3C trace context by the configured propagator', () => {
    const recorder = recorderWith();
    const operation = recorder.start(described());
    const carrier: Record<string, string> = {};
    recorder.inject(operation, carrier, {
      set: (headers, key, value) => Object.assign(headers, { [key]: value }),
    });
    const { traceId, spanId } = operation.span.spanContext();
    assert.equal(carrier.traceparent, `00-${traceId}-${spanId}-01`);
    const read = recorder.extract(carrier, {
      get: (headers, key) => headers[key],
      keys: (headers) => Object.keys(headers),
    });
    assert.equal(trace.getSpanContext(read)?.spanId, spanId);
    recorder.settle(operation);
  });

  it('is suppressed where the SDK suppresses tracing', () => {
    const recorder = recorderWith();
    assert.equal(recorder.isSuppressed(), false);
    assert.equal(
      context.with(suppressTracing(context.active()), () => recorder.isSuppressed()),
      true,
    );
    const other = context.active().setValue(createContextKey('other'), true);
    assert.equal(
      context.with(other, () => recorder.isSuppressed()),
      false,
    );
  });
});

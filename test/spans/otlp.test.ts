/** What may be written in OTLP's JSON, and what may be left out. The SDK's exporters: test/receiver. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { spansOfOtlp } from '../../src/spans/otlp.ts';
import { ShapeError } from '../../src/spans/shape.ts';

const ids = { traceId: '5b8efff798038103d269b633813fc60c', spanId: 'eee19b7ec3c1b174' };
const exported = (span: object) => spansOfOtlp({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] });

describe('OTLP as JSON', () => {
  it('has every kind of attribute', () => {
    const attributes = [
      { key: 'string', value: { stringValue: '' } },
      { key: 'false', value: { boolValue: false } },
      { key: 'int', value: { intValue: 8 } },
      { key: 'int as text', value: { intValue: '9007199254740991' } },
      { key: 'double', value: { doubleValue: 0.5 } },
      { key: 'bytes', value: { bytesValue: 'AAE=' } },
      { key: 'array', value: { arrayValue: { values: [{ intValue: '1' }, { stringValue: 'b' }] } } },
      { key: 'empty array', value: { arrayValue: {} } },
      { key: 'map', value: { kvlistValue: { values: [{ key: 'k', value: { boolValue: true } }] } } },
      { key: 'nothing', value: {} },
    ];
    assert.deepEqual(exported({ ...ids, attributes })?.[0]?.attributes, {
      string: '',
      false: false,
      int: 8,
      'int as text': 9007199254740991,
      double: 0.5,
      bytes: 'AAE=',
      array: [1, 'b'],
      'empty array': [],
      map: { k: true },
      nothing: undefined,
    });
  });

  it('may leave out what is empty', () => {
    assert.deepEqual(spansOfOtlp({ resourceSpans: [] }), []);
    assert.deepEqual(spansOfOtlp({ resourceSpans: [{ scopeSpans: [{}] }, {}] }), []);
    const [span] = exported({ ...ids, parentSpanId: '' }) ?? [];
    const { parentSpanId, name, kind, serviceName, scopeName, status, events, links } = span ?? {};
    assert.deepEqual(
      [parentSpanId, name, kind, serviceName, scopeName, status, events, links],
      [undefined, '', 'internal', 'unknown_service', '', { code: 'unset', message: '' }, [], []],
    );
  });

  it('is what Jaeger answers, in a result', () => {
    const result = { resourceSpans: [{ scopeSpans: [{ spans: [ids] }] }] };
    assert.equal(spansOfOtlp({ result })?.[0]?.spanId, ids.spanId);
  });

  it('is nothing else', () => {
    assert.equal(spansOfOtlp({ spans: [] }), undefined);
    assert.equal(spansOfOtlp(null), undefined);
    assert.throws(
      () => exported({ ...ids, startTimeUnixNano: 'noon' }),
      (error: Error) =>
        error instanceof ShapeError && /startTimeUnixNano must be .* but is noon/.test(error.message),
    );
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { AlwaysOffSampler } from '@opentelemetry/sdk-trace-base';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { aborted, described, exported, exporter, peerGone, recorderWith, timedOut } from './recorder-lab.ts';

describe('a span of our own', () => {
  it('has the kind of its side and ends once, whoever settles and cancels it again', () => {
    const recorder = recorderWith();
    for (const [side, kind] of [
      ['client', SpanKind.CLIENT],
      ['server', SpanKind.SERVER],
    ] as const) {
      exporter.reset();
      const operation = recorder.start(described(side));
      recorder.settle(operation, { attributes: { 'http.response.status_code': 200 } });
      recorder.settle(operation, { isError: true });
      recorder.cancel(operation, aborted);
      recorder.addFinding(operation, 'deadline_dropped', 'too late');
      assert.equal(exported().kind, kind);
      assert.equal(exported().status.code, SpanStatusCode.UNSET);
      assert.deepEqual(exported().attributes, {
        'http.request.method': 'GET',
        'http.response.status_code': 200,
      });
      assert.deepEqual(exported().events, []);
    }
  });

  it('says what the first evidence says', () => {
    const recorder = recorderWith();
    const operation = recorder.start(described());
    recorder.cancel(operation, aborted);
    recorder.cancel(operation, timedOut);
    recorder.settle(operation);
    const { attributes, events, status } = exported();
    assert.deepEqual(attributes, {
      'http.request.method': 'GET',
      'context.canceled': true,
      'cancel.initiator': 'local',
      'cancel.trigger': 'abort',
      'cancel.phase': 'wait',
      'cancel.reason': 'user left',
      'cancel.origin': 'leave (/app/shop.js:10:5)',
      'cancel.stacktrace': '    at leave (/app/shop.js:10:5)',
    });
    assert.equal(events.length, 1);
    assert.equal(events[0]?.name, 'context.canceled');
    assert.deepEqual(events[0]?.attributes, {
      'cancel.initiator': 'local',
      'cancel.trigger': 'abort',
      'cancel.phase': 'wait',
      'cancel.reason': 'user left',
      'code.stacktrace': '    at leave (/app/shop.js:10:5)',
      'code.function.name': 'leave',
      'code.file.path': '/app/shop.js',
      'code.line.number': 10,
      'code.column.number': 5,
    });
    assert.equal(status.code, SpanStatusCode.UNSET);
  });

  it('says deadline_exceeded, error and error.type of a time limit', () => {
    const recorder = recorderWith();
    const operation = recorder.start(described());
    recorder.cancel(operation, timedOut);
    recorder.settle(operation);
    const { attributes, events, status } = exported();
    assert.equal(attributes.deadline_exceeded, true);
    assert.equal('context.canceled' in attributes, false);
    assert.equal(attributes['error.type'], 'timeout');
    assert.deepEqual(
      events.map(({ name }) => name),
      ['deadline_exceeded'],
    );
    assert.equal(status.code, SpanStatusCode.ERROR);
  });

  it('keeps the error.type that the integration gives', () => {
    const recorder = recorderWith();
    const operation = recorder.start(described());
    recorder.cancel(operation, timedOut);
    recorder.settle(operation, { attributes: { 'error.type': 'DEADLINE_EXCEEDED' } });
    assert.equal(exported().attributes['error.type'], 'DEADLINE_EXCEEDED');
  });

  it('has no stack where there is none, as when the peer decided', () => {
    const recorder = recorderWith();
    const operation = recorder.start(described('server'));
    recorder.cancel(operation, peerGone);
    recorder.settle(operation);
    const keys = Object.keys(exported().attributes).filter((key) => /reason|origin|stack/.test(key));
    assert.deepEqual(keys, []);
  });

  it('has a status whose description has an end', () => {
    const recorder = recorderWith();
    recorder.settle(recorder.start(described()), { isError: true, message: 'x'.repeat(1_025) });
    assert.equal(exported().status.message, `${'x'.repeat(1_023)}…`);
  });

  it('is an error with a message when the integration says so and nobody cancelled', () => {
    const recorder = recorderWith();
    recorder.settle(recorder.start(described()), { isError: true, message: 'refused' });
    assert.deepEqual(exported().status, { code: SpanStatusCode.ERROR, message: 'refused' });
    exporter.reset();
    recorder.settle(recorder.start(described()), { isError: true });
    assert.deepEqual(exported().status, { code: SpanStatusCode.ERROR });
  });

  it('names the RST_STREAM code after the system', () => {
    const recorder = recorderWith();
    for (const [system, key] of [
      ['grpc', 'rpc.grpc.rst_code'],
      ['http2', 'http2.rst_code'],
    ] as const) {
      exporter.reset();
      const operation = recorder.start(described('server', system));
      recorder.cancel(operation, { kind: 'peer-reset', phase: 'handle', rstCode: 8 });
      recorder.settle(operation);
      assert.equal(exported().attributes[key], 8);
    }
  });

  it('is not touched when it is not recorded', () => {
    const off = new NodeTracerProvider({ sampler: new AlwaysOffSampler() });
    const recorder = recorderWith({}, off.getTracer('ours'));
    const operation = recorder.start(described());
    recorder.setDeadline(operation, { atMs: 1, timeoutMs: 1, source: 'option', stack: undefined });
    recorder.cancel(operation, aborted);
    recorder.addFinding(operation, 'cancel_not_sent', 'x');
    recorder.settle(operation);
    assert.equal(operation.cancellation?.outcome, 'canceled', 'what works for it still learns of it');
    assert.deepEqual(exporter.getFinishedSpans(), []);
  });
});

describe('the status of a cancelled operation', () => {
  const cases = [
    ['client', 'grpc', 'grpcClient', 'error'],
    ['server', 'grpc', 'grpcServer', 'unset'],
    ['client', 'http', 'httpClient', 'unset'],
    ['server', 'http', 'httpServer', 'unset'],
    ['client', 'http2', 'httpClient', 'unset'],
    ['server', 'http2', 'httpServer', 'unset'],
  ] as const;
  for (const [side, system, option, byDefault] of cases) {
    it(`of a ${system} ${side} is ${byDefault}, and what status.${option} says`, () => {
      for (const [config, expected] of [
        [{}, byDefault],
        [{ status: { [option]: 'error' } }, 'error'],
        [{ status: { [option]: 'unset' } }, 'unset'],
      ] as const) {
        exporter.reset();
        const recorder = recorderWith(config);
        const operation = recorder.start(described(side, system));
        recorder.cancel(operation, aborted);
        recorder.settle(operation, { isError: true, message: 'ignored' });
        assert.equal(SpanStatusCode[exported().status.code].toLowerCase(), expected);
      }
    });
  }

  it('of a passed time limit is what status.deadline says', () => {
    const recorder = recorderWith({ status: { deadline: 'unset', grpcClient: 'error' } });
    const operation = recorder.start(described('client', 'grpc'));
    recorder.cancel(operation, timedOut);
    recorder.settle(operation);
    assert.equal(exported().status.code, SpanStatusCode.UNSET);
  });
});

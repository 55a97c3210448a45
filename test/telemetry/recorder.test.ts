import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import {
  type Context,
  context,
  createContextKey,
  diag,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import {
  AlwaysOffSampler,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { AbortOrigins } from '../../src/cancellation/abort-origins.ts';
import { type CancellationInstrumentationConfig, resolveConfig } from '../../src/config.ts';
import type { SpanDescription } from '../../src/integration.ts';
import type { Evidence, SignalFired } from '../../src/operation/evidence.ts';
import type { Side, System } from '../../src/operation/operation.ts';
import { Recorder } from '../../src/telemetry/recorder.ts';

const OFFICIAL = '@opentelemetry/instrumentation-http';
const aborted: SignalFired = {
  kind: 'signal',
  phase: 'wait',
  reason: 'user left',
  isTimeout: false,
  stack: '    at leave (/app/shop.js:10:5)',
};
const timedOut: Evidence = { ...aborted, reason: new DOMException('late', 'TimeoutError'), isTimeout: true };
const peerGone: Evidence = { kind: 'peer-gone', phase: 'handle' };

let exporter: InMemorySpanExporter;
let provider: NodeTracerProvider;
let warnings: string[];

beforeEach(() => {
  exporter = new InMemorySpanExporter();
  provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  provider.register();
  warnings = [];
  const keep = (message: string): number => warnings.push(message);
  diag.setLogger({ error: keep, warn: keep, info() {}, debug() {}, verbose() {} });
});

afterEach(() => {
  assert.deepEqual(warnings, [], 'the SDK complained');
  diag.disable();
  trace.disable();
  context.disable();
  propagation.disable();
});

function recorderWith(config: CancellationInstrumentationConfig = {}, tracer?: Tracer): Recorder {
  return new Recorder(
    resolveConfig(config, []),
    new AbortOrigins(),
    () => tracer ?? provider.getTracer('ours'),
    () => {},
    (fn) => fn,
  );
}

function described(side: Side = 'client', system: System = 'http'): SpanDescription {
  return { side, system, name: 'GET', attributes: { 'http.request.method': 'GET' } };
}

function officialSpan(kind: SpanKind = SpanKind.CLIENT): Span {
  return provider.getTracer(OFFICIAL).startSpan('GET', { kind });
}

/** The only span that was exported. */
function exported(): ReadableSpan {
  const spans = exporter.getFinishedSpans();
  assert.equal(spans.length, 1);
  return spans[0] as ReadableSpan;
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

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

describe('a deadline', () => {
  it('is on the span with the time that was left and its source, and with the deviation at the end', () => {
    const recorder = recorderWith();
    const operation = recorder.start(described());
    const atMs = performance.now() + 60_000;
    recorder.setDeadline(operation, { atMs, timeoutMs: 60_000, source: 'option', stack: undefined });
    recorder.settle(operation);
    const { attributes } = exported();
    assert.equal(attributes['deadline.timeout_ms'], 60_000);
    assert.equal(attributes['deadline.source'], 'option');
    const deviationMs = Number(attributes['deadline.deviation_ms']);
    assert.ok(deviationMs < -50_000 && deviationMs >= -60_000, `${deviationMs}`);
  });

  it('has a stack of at most 16 frames unless the options say no', () => {
    const deep = (depth: number, recorder: Recorder): string | undefined =>
      depth === 0 ? recorder.captureDeadlineStack(deep)?.stack : deep(depth - 1, recorder);
    function caller(recorder: Recorder): string | undefined {
      return recorder.captureDeadlineStack(caller)?.stack;
    }
    assert.ok(caller(recorderWith()));
    assert.equal(caller(recorderWith({ captureDeadlineStack: false })), undefined);
    assert.equal(deep(0, recorderWith({ captureDeadlineStack: false })), undefined);
  });
});

describe('the stack of a cancel', () => {
  it('has as many frames as maxStackFrames says', () => {
    const top = (): void => {};
    const deep = (depth: number, recorder: Recorder): string =>
      depth === 0 ? capture(recorder) : deep(depth - 1, recorder);
    function capture(recorder: Recorder): string {
      return recorder.captureStack(capture).stack;
    }
    top();
    for (const maxStackFrames of [1, 40, 200]) {
      const frames = deep(300, recorderWith({ maxStackFrames })).split('\n    at ').length - 1;
      assert.equal(frames, maxStackFrames);
    }
  });
});

describe('a finding', () => {
  it('is an event each, and the most serious is the attribute, in whatever order they come', () => {
    const recorder = recorderWith();
    const operation = recorder.start(described());
    recorder.addFinding(operation, 'deadline_extended', 'by 5 s');
    recorder.addFinding(operation, 'cancel_not_sent', 'same tick');
    recorder.addFinding(operation, 'context_lost', 'x');
    recorder.settle(operation);
    const { attributes, events } = exported();
    assert.equal(attributes['cancel.finding'], 'cancel_not_sent');
    assert.deepEqual(
      events.map(({ name, attributes }) => [name, attributes]),
      [
        ['cancel.finding', { 'cancel.finding.rule': 'deadline_extended', 'cancel.finding.detail': 'by 5 s' }],
        [
          'cancel.finding',
          { 'cancel.finding.rule': 'cancel_not_sent', 'cancel.finding.detail': 'same tick' },
        ],
        ['cancel.finding', { 'cancel.finding.rule': 'context_lost', 'cancel.finding.detail': 'x' }],
      ],
    );
  });
});

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
    await nextTurn();
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
    await nextTurn();
    assert.equal(exported().attributes['context.canceled'], true);
    assert.equal(exported().attributes['error.type'], 'AbortError');
    assert.deepEqual(exported().status, { code: SpanStatusCode.UNSET });
  });

  it('is ended by us where its owner does not, as of the cancel, and the owner may come back in silence', async () => {
    const recorder = recorderWith();
    const span = officialSpan(SpanKind.SERVER);
    const operation = recorder.adopt('server', 'http', span);
    const before = Date.now();
    recorder.cancel(operation, peerGone);
    recorder.settle(operation);
    const after = Date.now();
    await nextTurn();
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
    await nextTurn();
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
    await nextTurn();
    assert.equal(exported().status.code, SpanStatusCode.ERROR);
  });
});

/** A recorder with a real SDK, for tests of what it writes on spans. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach } from 'node:test';
import { context, diag, propagation, type Span, SpanKind, type Tracer, trace } from '@opentelemetry/api';
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { AbortOrigins } from '../../src/cancellation/abort-origins.ts';
import type { CancellationInstrumentationConfig } from '../../src/config.ts';
import type { SpanDescription } from '../../src/operation/description.ts';
import type { Evidence, SignalFired } from '../../src/operation/evidence.ts';
import type { Side, System } from '../../src/operation/operation.ts';
import { resolveConfig } from '../../src/resolved-config.ts';
import { Recorder } from '../../src/telemetry/recorder.ts';

export const OFFICIAL = '@opentelemetry/instrumentation-http';
export const aborted: SignalFired = {
  kind: 'signal',
  phase: 'wait',
  reason: 'user left',
  isTimeout: false,
  stack: '    at leave (/app/shop.js:10:5)',
};
export const timedOut: Evidence = {
  ...aborted,
  reason: new DOMException('late', 'TimeoutError'),
  isTimeout: true,
};
export const peerGone: Evidence = { kind: 'peer-gone', phase: 'handle' };

export let exporter: InMemorySpanExporter;
export let provider: NodeTracerProvider;
export let warnings: string[];

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

export function recorderWith(config: CancellationInstrumentationConfig = {}, tracer?: Tracer): Recorder {
  return new Recorder(new AbortOrigins(), {
    config: resolveConfig(config, []),
    tracer: () => tracer ?? provider.getTracer('ours'),
    watchLateWrites: () => {},
    watchStarts: () => () => {},
    guard: (fn) => fn,
  });
}

export function described(side: Side = 'client', system: System = 'http'): SpanDescription {
  return { side, system, name: 'GET', attributes: { 'http.request.method': 'GET' } };
}

export function officialSpan(kind: SpanKind = SpanKind.CLIENT): Span {
  return provider.getTracer(OFFICIAL).startSpan('GET', { kind });
}

/** The only span that was exported. */
export function exported(): ReadableSpan {
  const spans = exporter.getFinishedSpans();
  assert.equal(spans.length, 1);
  return spans[0] as ReadableSpan;
}

/** So long the owner of an official span may end it, and then it is ended by us. */
export async function ownersTurns(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await nextTurn();
}

export const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

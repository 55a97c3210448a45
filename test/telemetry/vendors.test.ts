/** Spans of vendors, in the shapes that @sentry/node 11 and dd-trace 6 give them; the packages themselves are in test/setups. */
import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { type Span, SpanKind, type TracerProvider, trace } from '@opentelemetry/api';
import { createInstallation } from '../../src/hook/installation.ts';
import { parentSpanIdOf } from '../../src/telemetry/official-span.ts';
import { sayUnmarked } from '../../src/telemetry/unmarked.ts';
import { vendorIdentityOf } from '../../src/telemetry/vendor-span.ts';
import { Vendors } from '../../src/telemetry/vendors.ts';
import { Visibility } from '../../src/telemetry/visibility.ts';

const SCOPE = '@sentry/node:auto.http.client';
const globals = globalThis as { __SENTRY__?: unknown; _ddtrace?: unknown };

function sentrySpan(origin = 'auto.http.client', kind = 'client'): Span {
  return {
    isRecording: () => true,
    getSpanJSON: () => ({
      attributes: { 'sentry.kind': kind, 'sentry.origin': origin },
      parent_span_id: '1'.repeat(16),
    }),
  } as unknown as Span;
}

class SentryClient {
  traceProvider: unknown;
  readonly listeners = new Set<(span: Span) => void>();
  options: object = { tracesSampleRate: 1 };

  getOptions(): object {
    return this.options;
  }

  on(_: string, listener: (span: Span) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  start(span: Span): void {
    for (const listener of this.listeners) listener(span);
  }
}

function initSentry(): SentryClient {
  const client = new SentryClient();
  globals.__SENTRY__ = {
    version: '11.12.0',
    '11.12.0': { defaultCurrentScope: { getClient: () => client } },
  };
  return client;
}

const faults: unknown[] = [];

afterEach(() => {
  globals.__SENTRY__ = undefined;
  globals._ddtrace = undefined;
  trace.disable();
  assert.deepEqual(faults.splice(0), []);
});

describe("a vendor's span", () => {
  it('of Sentry tells its kind, origin and parent', () => {
    assert.deepEqual(vendorIdentityOf(sentrySpan()), { kind: SpanKind.CLIENT, scopeName: SCOPE });
    assert.equal(parentSpanIdOf(sentrySpan()), '1'.repeat(16));
  });

  it('of dd-trace tells its kind, component and parent', () => {
    const tags: Record<string, string> = { 'span.kind': 'server', component: 'http' };
    const span = {
      _ddSpan: {
        context: () => ({ getTag: (key: string) => tags[key], _parentId: { toString: () => 'abc' } }),
      },
    } as unknown as Span;
    assert.deepEqual(vendorIdentityOf(span), { kind: SpanKind.SERVER, scopeName: 'dd-trace:http' });
    assert.equal(parentSpanIdOf(span), `${'0'.repeat(13)}abc`);
  });

  it('is no span that is merely not recorded', () => {
    assert.equal(
      vendorIdentityOf(trace.wrapSpanContext({ traceId: '', spanId: '', traceFlags: 0 })),
      undefined,
    );
  });
});

describe('vendors', () => {
  const vendors = (): Vendors =>
    new Vendors(createInstallation((_message, error) => faults.push(error)).guard);

  it('are none by themselves', () => {
    const none = vendors();
    none.notice();
    assert.equal(none.isInCharge(), false);
    assert.equal(none.justStarted(SpanKind.CLIENT, [SCOPE]), undefined);
  });

  it("have Sentry's span in the turn in which it was started, and no longer", async () => {
    const client = initSentry();
    const found = vendors();
    found.notice();
    const span = sentrySpan();
    client.start(span);
    assert.equal(found.justStarted(SpanKind.CLIENT, [SCOPE]), span);
    assert.equal(found.justStarted(SpanKind.SERVER, [SCOPE]), undefined);
    assert.equal(found.justStarted(SpanKind.CLIENT, ['another']), undefined);
    await Promise.resolve();
    assert.equal(found.justStarted(SpanKind.CLIENT, [SCOPE]), undefined);
  });

  it('call back with the span that is started next in the same turn, once', async () => {
    const client = initSentry();
    const found = vendors();
    found.notice();
    const started: Span[] = [];
    found.whenStarted(SpanKind.CLIENT, [SCOPE], (span) => started.push(span));
    const [other, span, later] = [sentrySpan('manual'), sentrySpan(), sentrySpan()];
    for (const one of [other, span, later]) client.start(one);
    assert.deepEqual(started, [span]);
    found.whenStarted(SpanKind.CLIENT, [SCOPE], (one) => started.push(one));
    await Promise.resolve();
    client.start(sentrySpan());
    assert.deepEqual(started, [span]);
  });

  it('keep an error of whoever is called back away from Sentry', () => {
    const client = initSentry();
    const found = vendors();
    found.notice();
    found.whenStarted(SpanKind.CLIENT, [SCOPE], () => {
      throw new Error('ours');
    });
    client.start(sentrySpan());
    assert.match(String(faults.splice(0)), /ours/);
  });

  it('are in charge where Sentry makes spans, and no other SDK does', () => {
    const client = initSentry();
    const found = vendors();
    found.notice();
    assert.equal(found.isInCharge(), true);
    const own = { getTracer: () => trace.getTracer('x') } as unknown as TracerProvider;
    trace.setGlobalTracerProvider(own);
    assert.equal(found.isInCharge(), false);
    client.traceProvider = own;
    assert.equal(found.isInCharge(), true);
    client.options = {};
    assert.equal(found.isInCharge(), false);
  });

  it("are in charge where dd-trace's own provider is the global one", () => {
    class BridgeProvider {
      getTracer = () => trace.getTracer('x');
    }
    globals._ddtrace = { TracerProvider: BridgeProvider };
    assert.equal(vendors().isInCharge(), false);
    trace.setGlobalTracerProvider(new BridgeProvider() as unknown as TracerProvider);
    assert.equal(vendors().isInCharge(), true);
  });

  it('follow the client of a second init(), and none after close()', () => {
    const first = initSentry();
    const found = vendors();
    found.notice();
    const second = initSentry();
    found.notice();
    assert.deepEqual([first.listeners.size, second.listeners.size], [0, 1]);
    found.close();
    assert.equal(second.listeners.size, 0);
  });

  it('that have another shape are left alone', () => {
    for (const shape of [{}, { version: '9' }, { version: '9', '9': {} }, { version: '9', '9': 'x' }, 1]) {
      globals.__SENTRY__ = shape;
      const found = vendors();
      found.notice();
      assert.equal(found.isInCharge(), false);
    }
  });
});

describe('a cancel that is not written where somebody will look for it', () => {
  function saidBy(say: () => void): string[] {
    const lines: string[] = [];
    const { write } = process.stderr;
    process.stderr.write = ((text: string) => lines.push(text) > 0) as typeof write;
    try {
      say();
    } finally {
      process.stderr.write = write;
    }
    return lines;
  }

  const sayLost = (isCounted: boolean): void => new Visibility(() => isCounted).sayLost();

  it('is said once, with what to do', () => {
    const [line, ...others] = saidBy(() => {
      sayLost(false);
      sayLost(false);
    });
    assert.match(String(line), /^[^\n]+: a cancel was seen, but .* no tracer provider is set, [^\n]+\n$/);
    assert.deepEqual(others, []);
  });

  it('is not said where it is counted, or not sampled', () => {
    globals._ddtrace = {};
    assert.deepEqual(
      saidBy(() => sayLost(true)),
      [],
    );
    trace.setGlobalTracerProvider({ getTracer: () => trace.getTracer('x') } as unknown as TracerProvider);
    assert.deepEqual(
      saidBy(() => sayLost(false)),
      [],
    );
  });

  it('names the vendor whose spans nobody can write on', () => {
    globals._ddtrace = {};
    assert.match(
      String(saidBy(() => sayLost(false))),
      /dd-trace .*new tracer\.TracerProvider\(\)\.register\(\)\n$/,
    );
    globals._ddtrace = undefined;
    initSentry();
    assert.match(String(saidBy(() => sayLost(false))), /tracesSampleRate/);
  });

  it('is not said of Sentry where it is the SDK, or makes no spans', () => {
    const own = { getTracer: () => trace.getTracer('x') } as unknown as TracerProvider;
    trace.setGlobalTracerProvider(own);
    initSentry().traceProvider = own;
    assert.deepEqual(saidBy(sayUnmarked), []);
    initSentry().options = {};
    assert.deepEqual(saidBy(sayUnmarked), []);
  });

  it('names the vendor whose spans are not the marked ones', () => {
    trace.setGlobalTracerProvider({ getTracer: () => trace.getTracer('x') } as unknown as TracerProvider);
    globals._ddtrace = {};
    initSentry();
    const lines = saidBy(() => {
      sayUnmarked();
      sayUnmarked();
    });
    assert.equal(lines.length, 2);
    assert.match(String(lines[0]), /the spans of dd-trace are not marked/);
    assert.match(String(lines[1]), /the spans of @sentry\/node are not marked/);
  });

  it('names the API of another version, whose provider is not seen', () => {
    const key = Symbol.for('opentelemetry.js.api.1');
    const api: unknown = Reflect.get(globalThis, key);
    Reflect.set(globalThis, key, { version: '1.0.0', trace: {} });
    const lines = saidBy(() => sayLost(false));
    Reflect.set(globalThis, key, api);
    assert.match(String(lines), /@opentelemetry\/api 1\.0\.0, another version .* npm ls @opentelemetry\/api/);
  });

  it('is not said at OTEL_LOG_LEVEL=none', () => {
    process.env.OTEL_LOG_LEVEL = 'none';
    globals._ddtrace = { TracerProvider: class {} };
    assert.deepEqual(
      saidBy(() => sayLost(false)),
      [],
    );
    delete process.env.OTEL_LOG_LEVEL;
  });
});

/**
 * Vendors' tracers in this process: whether their spans are the ones to be tagged, and where to find them.
 *
 * dd-trace puts its spans into the context of OpenTelemetry once its `TracerProvider` is registered. @sentry/node does so only for
 * incoming requests, and only with `enableOpenTelemetrySetup`; but its client says of each span that it was started,
 * which is in the same turn in which the operation starts.
 */
import type { Span, SpanKind, TracerProvider } from '@opentelemetry/api';
import { globalProvider } from '../global-api.ts';
import type { Guard } from '../operation/guard.ts';
import { isOfficialSpan } from './official-span.ts';

interface SentryClient {
  readonly traceProvider?: unknown;
  getOptions(): { readonly tracesSampleRate?: unknown; readonly tracesSampler?: unknown };
  on(event: 'spanStart', callback: (span: Span) => void): () => void;
}

interface SentryScope {
  getClient?(): SentryClient | undefined;
}

/** What the vendors leave for other copies of themselves. */
interface VendorGlobals {
  readonly __SENTRY__?: {
    readonly version?: string;
    readonly [version: string]: { readonly defaultCurrentScope?: SentryScope } | string | undefined;
  };
  readonly _ddtrace?: { readonly TracerProvider?: unknown };
}
const globals: VendorGlobals = globalThis as object;

interface Expected {
  readonly kind: SpanKind;
  readonly scopeNames: readonly string[];
  readonly started: (span: Span) => void;
}

export class Vendors {
  #sentry: SentryClient | undefined;
  #unsubscribe: (() => void) | undefined;
  /** The last span of Sentry's, while the code runs that started it. */
  #lastStarted: Span | undefined;
  /** The last operation that waits for its span. */
  #expected: Expected | undefined;
  /** Sentry calls it. */
  readonly #whenSpanStarts: (span: Span) => void;

  constructor(guard: Guard) {
    this.#whenSpanStarts = guard((span) => this.#started(span));
  }

  /** To be called before somebody might start a span. */
  notice(): void {
    if (globals.__SENTRY__ === undefined) return;
    const client = sentryClient();
    if (client === this.#sentry || client === undefined) return;
    this.close();
    this.#sentry = client;
    this.#unsubscribe = client.on('spanStart', this.#whenSpanStarts);
  }

  /** True when a vendor makes the spans of HTTP: what it makes none of is to have none. */
  isInCharge(): boolean {
    if (globals._ddtrace !== undefined && isDatadogProvider(globalProvider())) return true;
    return this.#isSentryInCharge();
  }

  justStarted(kind: SpanKind, scopeNames: readonly string[]): Span | undefined {
    const span = this.#lastStarted;
    if (span === undefined || !this.#isSentryInCharge()) return undefined;
    return isOfficialSpan(span, kind, scopeNames) ? span : undefined;
  }

  /** Calls back when a span of these is started in this turn. */
  whenStarted(kind: SpanKind, scopeNames: readonly string[], started: (span: Span) => void): void {
    const expected = { kind, scopeNames, started };
    this.#expected = expected;
    queueMicrotask(() => {
      if (this.#expected === expected) this.#expected = undefined;
    });
  }

  close(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    this.#sentry = undefined;
  }

  #isSentryInCharge(): boolean {
    if (this.#sentry === undefined) return false;
    // Where an SDK of OpenTelemetry makes spans as well, it is its spans that are tagged.
    const provider = globalProvider();
    if (provider !== undefined && provider !== this.#sentry.traceProvider) return false;
    return makesSpans(this.#sentry);
  }

  #started(span: Span): void {
    const expected = this.#expected;
    if (expected !== undefined && isOfficialSpan(span, expected.kind, expected.scopeNames)) {
      this.#expected = undefined;
      expected.started(span);
      return;
    }
    this.#lastStarted = span;
    queueMicrotask(() => {
      if (this.#lastStarted === span) this.#lastStarted = undefined;
    });
  }
}

export function isDatadogHere(): boolean {
  return globals._ddtrace !== undefined;
}

export function isDatadogProvider(provider: TracerProvider | undefined): boolean {
  const { TracerProvider: own } = globals._ddtrace ?? {};
  return typeof own === 'function' && provider instanceof own;
}

export function sentryClient(): SentryClient | undefined {
  const carriers = globals.__SENTRY__;
  const carrier = carriers?.version === undefined ? undefined : carriers[carriers.version];
  if (typeof carrier !== 'object') return undefined;
  const client = carrier.defaultCurrentScope?.getClient?.();
  return typeof client?.on === 'function' && typeof client.getOptions === 'function' ? client : undefined;
}

/** Without either of these Sentry is there for errors alone. */
export function makesSpans(client: SentryClient): boolean {
  const { tracesSampleRate, tracesSampler } = client.getOptions();
  return (tracesSampleRate ?? tracesSampler) !== undefined;
}

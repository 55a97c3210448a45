/**
 * Whether anybody can see the spans that are made here. If not, that is said with why: to the application's logger at the first
 * span, for whoever sets it up; where there is no logger, at the first cancel that nobody will find.
 */
import { type Context, context, createContextKey, isValidSpanId, type Span, trace } from '@opentelemetry/api';
import { globalApi, globalProvider, ONE_VERSION } from '../global-api.ts';
import { complain } from '../self-report.ts';
import { isSuppressedIn } from './owner.ts';
import { sayOnce } from './say-once.ts';
import { whyUnmarked } from './unmarked.ts';
import { isDatadogHere, makesSpans, sentryClient } from './vendors.ts';

const PROBE_KEY = createContextKey('opentelemetry.cancellation.probe');

export class Visibility {
  readonly #hasMetrics: () => boolean;
  #isTold = false;

  constructor(hasMetrics: () => boolean) {
    this.#hasMetrics = hasMetrics;
  }

  /**
   * @param span the first one counts
   * @param parent what it was started in
   */
  look(span: Span, parent: Context): void {
    if (this.#isTold) return;
    // Of what runs for the telemetry itself nothing is recorded; who has metrics alone did not ask for spans.
    if (isSuppressedIn(parent) || (!span.isRecording() && this.#hasMetrics())) return;
    this.#isTold = true;
    const reason = invisibleBecause(span, parent);
    if (reason !== undefined) complain('spans', reason);
  }

  /** Why a cancel would not be found, as far as that shows before there is a span. */
  reasons(): string[] {
    const sentry = sentryClient();
    const isSeen = this.#hasMetrics() || (sentry !== undefined && makesSpans(sentry));
    if (globalProvider() === undefined) return isSeen ? [] : [whyNoProvider()];
    return hasContextManager() ? whyUnmarked() : [NO_CONTEXT];
  }

  /** There is no span to write a cancel on. */
  sayLost(): void {
    if (this.#hasMetrics() || globalProvider() !== undefined || globalApi()?.diag !== undefined) return;
    sayOnce(`a cancel was seen, but there is no span to write it on: ${whyNoProvider()}`);
  }
}

function invisibleBecause(span: Span, parent: Context): string | undefined {
  if (isOfNoProvider(span, parent)) return whyNoProvider();
  if (hasContextManager()) return undefined;
  return NO_CONTEXT;
}

const NO_CONTEXT =
  'no context manager is set, so no span has a parent. The SDKs for Node.js set one by register() or start().';

/** The API's own tracer makes no span of its own: it hands out the parent's context, or none that is valid. */
function isOfNoProvider(span: Span, parent: Context): boolean {
  if (span.isRecording()) return false;
  const { spanId } = span.spanContext();
  return !isValidSpanId(spanId) || spanId === trace.getSpanContext(parent)?.spanId;
}

function hasContextManager(): boolean {
  const probe = context.active().setValue(PROBE_KEY, true);
  return context.with(probe, () => context.active().getValue(PROBE_KEY) === true);
}

/** And what to do. */
function whyNoProvider(): string {
  const api = globalApi();
  if (api?.trace !== undefined) {
    return (
      `the tracer provider was set through @opentelemetry/api ${api.version}, another version than the one this package has. ` +
      ONE_VERSION
    );
  }
  if (isDatadogHere()) {
    return 'dd-trace keeps its spans to itself. After tracer.init(), call: new tracer.TracerProvider().register()';
  }
  if (sentryClient() !== undefined) {
    return 'Sentry makes no spans. Give Sentry.init() a tracesSampleRate, or set up an SDK of OpenTelemetry.';
  }
  return 'no tracer provider is set, so no span is recorded. Set up an SDK, or start node with --import …/register.';
}

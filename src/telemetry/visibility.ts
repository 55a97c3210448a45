/** Whether anybody can see the spans that are made here. */
import {
  type Context,
  context,
  createContextKey,
  diag,
  isValidSpanId,
  type Span,
  trace,
} from '@opentelemetry/api';
import { PACKAGE_NAME } from '../version.ts';
import { isSuppressedIn } from './owner.ts';
import { whyNoProvider } from './unmarked.ts';

const PROBE_KEY = createContextKey('opentelemetry.cancellation.probe');

/** Says once, by diag, why nobody sees the spans that are made here: it is for whoever set it up. */
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
    if (reason !== undefined) diag.warn(`${PACKAGE_NAME}: ${reason}`);
  }
}

function invisibleBecause(span: Span, parent: Context): string | undefined {
  if (isOfNoProvider(span, parent)) return whyNoProvider();
  if (hasContextManager()) return undefined;
  return 'no context manager is set, so no span has a parent. The SDKs for Node.js set one by register() or start().';
}

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

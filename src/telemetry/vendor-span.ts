/**
 * Spans of vendors' tracers, which no SDK of OpenTelemetry made: what kind they are and where they come from is not where
 * an SDK's span has it.
 *
 * Limitations. Both ways are private to their package, and only read: where a version has them no more, such a span
 * is not recognised, and one of ours is made beside it.
 */
import { type Span, SpanKind } from '@opentelemetry/api';

export interface SpanIdentity {
  readonly kind: SpanKind | undefined;
  readonly scopeName: string;
}

/** dd-trace 6, with its `TracerProvider` registered: what is written on it goes to a span of dd-trace's own. */
interface DatadogProxy {
  readonly _ddSpan?: {
    context(): { getTag(key: string): unknown; readonly _parentId?: { toString(radix: 16): string } | null };
  };
}

/** @sentry/node 11. */
interface SentrySpan {
  readonly getSpanJSON?: () => {
    readonly attributes?: Readonly<Record<string, unknown>>;
    readonly parent_span_id?: string;
  };
}

const KINDS: Readonly<Record<string, SpanKind>> = { server: SpanKind.SERVER, client: SpanKind.CLIENT };

export function vendorIdentityOf(span: Span): SpanIdentity | undefined {
  const { _ddSpan: datadogSpan } = span as DatadogProxy;
  if (datadogSpan !== undefined) {
    const tags = datadogSpan.context();
    return {
      kind: KINDS[String(tags.getTag('span.kind'))],
      scopeName: `dd-trace:${tags.getTag('component')}`,
    };
  }
  const sentrySpan = span as SentrySpan;
  if (typeof sentrySpan.getSpanJSON !== 'function') return undefined;
  const { attributes = {} } = sentrySpan.getSpanJSON();
  return {
    kind: KINDS[String(attributes['sentry.kind'])],
    scopeName: `@sentry/node:${attributes['sentry.origin']}`,
  };
}

export function vendorParentIdOf(span: Span): string | undefined {
  const { _ddSpan: datadogSpan } = span as DatadogProxy;
  if (datadogSpan !== undefined) return datadogSpan.context()._parentId?.toString(16).padStart(16, '0');
  return (span as SentrySpan).getSpanJSON?.().parent_span_id;
}

/**
 * The span of the official instrumentation. It is never the active one: it is put into a context only to
 * write the headers. So the official instrumentation is let work in a context that shows us what is put into it.
 */
import { type Context, context, type Span, SpanKind, trace } from '@opentelemetry/api';
import type { Host } from '../../integration.ts';
import type { Operation } from '../../operation/operation.ts';

const SCOPES: readonly string[] = ['@opentelemetry/instrumentation-undici'];
/** Spans around fetch(): of whoever replaced it, and active while it runs. */
const FETCH_SCOPES: readonly string[] = [
  'next.js',
  'dd-trace:fetch',
  'dd-trace:undici',
  '@sentry/node:auto.http.node_fetch',
];

/** Calls `publish` and returns the span that a subscriber made for the request, recording or not. */
export function spanMadeBy(publish: () => void, parent: Context): Span | undefined {
  const spy = new SpyContext(parent);
  context.with(spy, publish);
  return spy.span;
}

/** Undefined when the span is not recording and nobody counts: there is nothing to tag, and nothing to add. */
export function adopt(host: Host, span: Span, parent: Context, method: string): Operation | undefined {
  return context.with(trace.setSpan(parent, span), () => {
    const official = host.officialSpan(SpanKind.CLIENT, SCOPES) ?? host.unsampledSpan('client');
    return official && host.adopt('client', 'http', official, method);
  });
}

/** On the span of whoever replaced fetch(), if there is one. @param active what the request is made in */
export function adoptAround(host: Host, active: Context, method: string): Operation | undefined {
  const around = host.officialSpan(SpanKind.CLIENT, FETCH_SCOPES, active);
  return around && context.with(active, () => host.adopt('client', 'http', around, method));
}

/** True when it is there, also when it makes no span: then it was told to ignore the request. */
export function isListening(channel: object): boolean {
  const subscribers: unknown = '_subscribers' in channel ? channel._subscribers : undefined;
  return Array.isArray(subscribers) && subscribers.some(({ name }) => name === 'bound onRequestCreated');
}

class SpyContext implements Context {
  span: Span | undefined = undefined;
  readonly #base: Context;

  constructor(base: Context) {
    this.#base = base;
  }

  getValue(key: symbol): unknown {
    return this.#base.getValue(key);
  }

  setValue(key: symbol, value: unknown): Context {
    const next = this.#base.setValue(key, value);
    const span = trace.getSpan(next);
    if (span !== undefined && span !== trace.getSpan(this.#base)) this.span = span;
    return next;
  }

  deleteValue(key: symbol): Context {
    return this.#base.deleteValue(key);
  }
}

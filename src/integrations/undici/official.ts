/**
 * The span of the official instrumentation. It is never the active one: it is put into a context only to
 * write the headers. So the official instrumentation is let work in a context that shows us what is put into it.
 */
import { type AttributeValue, type Context, context, type Span, SpanKind, trace } from '@opentelemetry/api';
import { ATTR_ERROR_TYPE } from '@opentelemetry/semantic-conventions';
import type { Host } from '../../host.ts';
import type { StackTop } from '../../operation/captured-stack.ts';
import type { Operation } from '../../operation/operation.ts';

const SCOPES: readonly string[] = ['@opentelemetry/instrumentation-undici'];
/** Spans around fetch(): of whoever replaced it, and active while it runs. */
const FETCH_SCOPES: readonly string[] = [
  'next.js',
  'dd-trace:fetch',
  'dd-trace:undici',
  '@sentry/node:auto.http.node_fetch',
];

/**
 * The operation on a span of somebody else's, once they have heard of the request.
 *
 * @param publish tells everybody else of the request
 * @param isElsewhere it is made in another context: of whatever made room for it in a queue, or of a connection
 * @returns null where there is nobody, and a span of our own is to be made; undefined where there is to be none
 */
export function operationBeside(
  host: Host,
  channel: object,
  publish: () => void,
  parent: Context,
  isElsewhere: boolean,
  method: string,
  above: StackTop | undefined,
): Operation | null | undefined {
  if (hasOthers(channel)) {
    const span = spanMadeBy(publish, parent);
    if (span !== undefined) return adopt(host, span, parent, method, above);
    if (isListening(channel)) return undefined;
  }
  // Nobody makes spans of requests; but somebody may do so of fetch(), inside of ours.
  const inside = isElsewhere ? parent : context.active();
  const around = host.officialSpan(SpanKind.CLIENT, FETCH_SCOPES, inside);
  if (around !== undefined)
    return context.with(inside, () => host.adopt('client', 'http', around, method, above));
  return host.isVendorInCharge() ? undefined : null;
}

/** Calls `publish` and returns the span that a subscriber made for the request, recording or not. */
function spanMadeBy(publish: () => void, parent: Context): Span | undefined {
  const spy = new SpyContext(parent);
  context.with(spy, publish);
  return spy.span;
}

/** Undefined when the span is not recording and nobody counts: there is nothing to tag, and nothing to add. */
function adopt(
  host: Host,
  span: Span,
  parent: Context,
  method: string,
  above: StackTop | undefined,
): Operation | undefined {
  return context.with(trace.setSpan(parent, span), () => {
    const official = host.officialSpan(SpanKind.CLIENT, SCOPES) ?? host.unsampledSpan('client');
    return official && host.adopt('client', 'http', official, method, above);
  });
}

/** True unless our own is the only subscriber. Without the list, which is Node's own, there may be others. */
function hasOthers(channel: object): boolean {
  const subscribers: unknown = '_subscribers' in channel ? channel._subscribers : undefined;
  return !Array.isArray(subscribers) || subscribers.length > 1;
}

/** True when it is there, also when it makes no span: then it was told to ignore the request. */
function isListening(channel: object): boolean {
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

/**
 * The official instrumentation takes the number of a DOMException (23) for the type of an error, and forgets that the answer had an
 * error status: sets the type, and keeps its own instrumentation from setting another.
 */
export function nameErrorType(span: Span, errorType: string): void {
  if (!span.isRecording()) return;
  span.setAttribute(ATTR_ERROR_TYPE, errorType);
  const original = span.setAttribute;
  Object.defineProperty(span, 'setAttribute', {
    value: function setAttribute(this: Span, key: string, value: AttributeValue): Span {
      return key === ATTR_ERROR_TYPE ? this : Reflect.apply(original, this, [key, value]);
    },
    configurable: true,
    writable: true,
  });
}

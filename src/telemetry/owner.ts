/** What code is running for, kept in the OpenTelemetry context. */
import { type Context, createContextKey, type Span, trace } from '@opentelemetry/api';
import type { WorkScope } from '../operation/operation.ts';
import type { OperationRecord } from './operation-record.ts';

/** Filled after the context is made: the context has to know the operation, and the operation its context. */
export interface OwnerHolder {
  operation: OperationRecord | undefined;
}

// By Symbol.for(): the same in every copy of this package.
export const OWNER_KEY: symbol = createContextKey('opentelemetry.cancellation.owner');

/**
 * On the span of a job, and on those of its work. Whoever consumes it makes its context, in which nothing can be put: it is
 * known there by the span. By Symbol.for(), as above.
 */
const kJob: unique symbol = Symbol.for('opentelemetry.cancellation.job');

type SpanOfJob = Span & { [kJob]?: OperationRecord };

export function setJobOf(span: SpanOfJob, job: OperationRecord): void {
  span[kJob] = job;
}

/** The span first: a worker may have been made for a request, whose context its jobs have. */
export function ownerIn(context: Context): OperationRecord | undefined {
  const job = (trace.getSpan(context) as SpanOfJob | undefined)?.[kJob];
  return job ?? (context.getValue(OWNER_KEY) as OwnerHolder | undefined)?.operation;
}

const ASIDE_KEY = createContextKey('opentelemetry.cancellation.aside');

/** True for what is done around a job, not by it: to tell the queue of its end. */
export function isAsideIn(context: Context): boolean {
  return context.getValue(ASIDE_KEY) === true;
}

export function asideIn(context: Context): Context {
  return context.setValue(ASIDE_KEY, true);
}

/** The SDK's own key (Symbol.for under this text), so that @opentelemetry/core need not be installed. */
const SUPPRESS_KEY = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING');

/** True for code that runs for the telemetry itself, such as an exporter. */
export function isSuppressedIn(context: Context): boolean {
  return context.getValue(SUPPRESS_KEY) === true;
}

export function suppressIn(context: Context): Context {
  return context.setValue(SUPPRESS_KEY, true);
}

/** Set by withDeadline() and the middlewares. */
export const SCOPE_KEY: symbol = createContextKey('opentelemetry.cancellation.scope');

/** The limit of all that is started here, on the clock of performance.now(), in ms; Infinity: none. */
export function inheritedDeadlineAtMs(context: Context, owner: OperationRecord): number {
  const scope = context.getValue(SCOPE_KEY) as WorkScope | undefined;
  return Math.min(
    scope?.deadlineAtMs ?? Number.POSITIVE_INFINITY,
    owner.scope?.deadlineAtMs ?? Number.POSITIVE_INFINITY,
    owner.deadline?.atMs ?? Number.POSITIVE_INFINITY,
  );
}

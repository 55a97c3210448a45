/** What a handler did after its operation was cancelled has a span of its own. Pure. */
import { SPAN_WORK_AFTER_CANCEL } from '../telemetry/attributes.ts';
import type { ExportedSpan } from './span.ts';

/** @returns of such a span the operation that it was done for, if that is here; any other one is returned as it is */
export function workedFor(span: ExportedSpan, trace: readonly ExportedSpan[]): ExportedSpan {
  if (span.name !== SPAN_WORK_AFTER_CANCEL) return span;
  return trace.find(({ spanId }) => spanId === span.parentSpanId) ?? span;
}

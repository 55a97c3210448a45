/** A cancellation as it is written on a span: attributes, event, link. */
import type { Attributes, Span } from '@opentelemetry/api';
import {
  ATTR_CODE_COLUMN_NUMBER,
  ATTR_CODE_FILE_PATH,
  ATTR_CODE_FUNCTION_NAME,
  ATTR_CODE_LINE_NUMBER,
  ATTR_CODE_STACKTRACE,
  ATTR_ERROR_TYPE,
} from '@opentelemetry/semantic-conventions';
import { formatFrame, originOf } from '../cancellation/origin.ts';
import { describeReason } from '../cancellation/reason.ts';
import type { Cancellation, System } from '../operation/operation.ts';
import {
  ATTR_CANCEL_CAUSE_SPAN_ID,
  ATTR_CANCEL_CAUSE_TRACE_ID,
  ATTR_CANCEL_INITIATOR,
  ATTR_CANCEL_ORIGIN,
  ATTR_CANCEL_PHASE,
  ATTR_CANCEL_PROPAGATION_MS,
  ATTR_CANCEL_REASON,
  ATTR_CANCEL_STACKTRACE,
  ATTR_CANCEL_TRIGGER,
  ATTR_CONTEXT_CANCELED,
  ATTR_DEADLINE_EXCEEDED,
  EVENT_CONTEXT_CANCELED,
  EVENT_DEADLINE_EXCEEDED,
} from './attributes.ts';
import { parentSpanIdOf } from './official-span.ts';
import type { Redaction } from './redaction.ts';
import { roundMs } from './round-ms.ts';
import { rowOf } from './systems.ts';

/** OpenTracing compatibility, in the semantic conventions: the reference is that of a child to its parent. */
const CHILD_OF: Attributes = { 'opentracing.ref_type': 'child_of' };

/** What a span gets of a cancellation, apart from what is of this operation alone. */
interface Words {
  readonly attributes: Attributes;
  readonly event: Attributes;
}

/** The end of the process cancels thousands in the same words, and there is little time for them. */
let atExit: (Words & { readonly of: Cancellation }) | undefined;

function wordsOf(cancellation: Cancellation): Words {
  if (cancellation.trigger !== 'exit') return describe(cancellation);
  const { initiator, phase, reason, stack } = cancellation;
  if (
    atExit === undefined ||
    atExit.of.initiator !== initiator ||
    atExit.of.phase !== phase ||
    atExit.of.reason !== reason ||
    atExit.of.stack !== stack
  ) {
    atExit = { ...describe(cancellation), of: cancellation };
  }
  return atExit;
}

function describe(cancellation: Cancellation): Words {
  const common: Attributes = {
    [ATTR_CANCEL_INITIATOR]: cancellation.initiator,
    [ATTR_CANCEL_TRIGGER]: cancellation.trigger,
    [ATTR_CANCEL_PHASE]: cancellation.phase,
  };
  const reason = describeReason(cancellation.reason);
  if (reason !== undefined) common[ATTR_CANCEL_REASON] = reason;

  const attributes: Attributes = {
    [cancellation.outcome === 'canceled' ? ATTR_CONTEXT_CANCELED : ATTR_DEADLINE_EXCEEDED]: true,
    ...common,
  };
  const event: Attributes = { ...common };
  const origin = originOf(cancellation.stack);
  if (origin !== undefined) {
    attributes[ATTR_CANCEL_STACKTRACE] = origin.stacktrace;
    event[ATTR_CODE_STACKTRACE] = origin.stacktrace;
    if (origin.frame !== undefined) {
      attributes[ATTR_CANCEL_ORIGIN] = formatFrame(origin.frame);
      event[ATTR_CODE_FUNCTION_NAME] = origin.frame.functionName;
      event[ATTR_CODE_FILE_PATH] = origin.frame.file;
      event[ATTR_CODE_LINE_NUMBER] = origin.frame.line;
      event[ATTR_CODE_COLUMN_NUMBER] = origin.frame.column;
    }
  }
  return { attributes, event };
}

/** @param cause the span in which the cancel was decided, when it is another one */
export function writeCancellation(
  span: Span,
  system: System,
  cancellation: Cancellation,
  cause: Span | undefined,
  redact: Redaction,
): void {
  const words = wordsOf(cancellation);
  const [attributes, event] = [redact(words.attributes), redact(words.event)];
  span.setAttributes(attributes);
  if (cancellation.rstCode !== undefined) {
    span.setAttribute(rowOf(system).resetCode, cancellation.rstCode);
  }
  if (cancellation.errorStatus !== undefined)
    span.setAttribute(ATTR_ERROR_TYPE, String(cancellation.errorStatus));
  if (cause !== undefined) {
    const causeContext = cause.spanContext();
    span.setAttribute(ATTR_CANCEL_CAUSE_TRACE_ID, causeContext.traceId);
    span.setAttribute(ATTR_CANCEL_CAUSE_SPAN_ID, causeContext.spanId);
    // Jaeger makes a FOLLOWS_FROM of a link that does not say more, and of the reference to the parent with it.
    const isParent = parentSpanIdOf(span) === causeContext.spanId;
    span.addLink?.({ context: causeContext, attributes: isParent ? CHILD_OF : {} });
  }
  const causedAtMs = cancellation.cause?.cancellation?.atMs;
  if (causedAtMs !== undefined)
    span.setAttribute(ATTR_CANCEL_PROPAGATION_MS, roundMs(cancellation.atMs - causedAtMs));
  span.addEvent(
    cancellation.outcome === 'canceled' ? EVENT_CONTEXT_CANCELED : EVENT_DEADLINE_EXCEEDED,
    event,
  );
}

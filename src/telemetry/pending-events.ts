/** What an incoming operation was waiting for when it was cancelled, or is waiting for since. */
import type { Attributes, Span } from '@opentelemetry/api';
import { formatFrame, originOf } from '../cancellation/origin.ts';
import {
  ATTR_CANCEL_PENDING_ELAPSED_MS,
  ATTR_CANCEL_PENDING_NAME,
  ATTR_CANCEL_PENDING_ORIGIN,
  EVENT_CANCEL_PENDING,
} from './attributes.ts';
import type { Outgoing } from './late-work.ts';
import type { OperationRecord } from './operation-record.ts';
import { OwnedSpan } from './owned-span.ts';
import type { Redaction } from './redaction.ts';
import { roundMs } from './round-ms.ts';

/** More of them say nothing new, and a span holds 128 events. */
const MAX_EVENTS = 16;

/** @param spans of others that are open */
export function pendingOf(operation: OperationRecord, spans: readonly OwnedSpan[]): Outgoing[] {
  // What goes on elsewhere first: the spans around it say less.
  const outgoing = spans.filter(({ isOutgoing }) => isOutgoing);
  const internal = spans.filter(({ isOutgoing }) => !isOutgoing);
  return [...(operation.pending ?? []), ...outgoing, ...internal];
}

export function writePending(span: Span, all: readonly Outgoing[], atMs: number, redact: Redaction): void {
  for (const pending of all.slice(0, MAX_EVENTS)) {
    const attributes: Attributes = { [ATTR_CANCEL_PENDING_ELAPSED_MS]: roundMs(atMs - pending.startedAtMs) };
    const { name } = pending.span as { readonly name?: unknown };
    if (typeof name === 'string') attributes[ATTR_CANCEL_PENDING_NAME] = name;
    const frame = pending instanceof OwnedSpan ? pending.line : originOf(pending.startStack)?.frame;
    if (frame !== undefined) attributes[ATTR_CANCEL_PENDING_ORIGIN] = formatFrame(frame);
    span.addEvent(EVENT_CANCEL_PENDING, redact(attributes));
  }
}

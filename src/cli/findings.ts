/** Broken propagation: the findings that spans have, and those that only a client's and a server's span together show. Pure. */

import type { ExportedSpan } from '../spans/span.ts';
import {
  ATTR_CANCEL_FINDING_DETAIL,
  ATTR_CANCEL_FINDING_RULE,
  ATTR_DEADLINE_SOURCE,
  ATTR_DEADLINE_TIMEOUT_MS,
  EVENT_CANCEL_FINDING,
} from '../telemetry/attributes.ts';
import { type Vanished, vanishedProcesses } from './vanished.ts';

export interface Finding {
  readonly rule: string;
  readonly detail: string;
  readonly span: ExportedSpan;
}

export function findingsOf(spans: readonly ExportedSpan[]): Finding[] {
  const told = spans.flatMap((span) =>
    span.events
      .filter(({ name }) => name === EVENT_CANCEL_FINDING)
      .map(({ attributes }) => ({
        rule: String(attributes[ATTR_CANCEL_FINDING_RULE]),
        detail: String(attributes[ATTR_CANCEL_FINDING_DETAIL] ?? ''),
        span,
      })),
  );
  return [...told, ...lostDeadlines(spans), ...vanishedProcesses(spans).map(findingOf)];
}

function findingOf({ serviceName, address, spans }: Vanished): Finding {
  const [span] = spans as readonly [ExportedSpan];
  const count = spans.length === 1 ? 'a request' : `${spans.length} requests`;
  const detail = `${serviceName} at ${address} ended with ${count} in flight: reset, and no SERVER span`;
  return { rule: 'process_vanished', detail, span };
}

/** Sources of a client's deadline that say nothing of the wire: a limit that only the client keeps. */
const KEPT_BY_CLIENT: readonly unknown[] = ['signal', 'timeout'];
/** grpc-timeout is rounded, and clients and servers read their clocks at their own time. */
const SLACK_MS = 20;
const SLACK = 0.01;

/** Deadlines that were sent and not read, or not read as they were sent: something between the two changed the header. */
function lostDeadlines(spans: readonly ExportedSpan[]): Finding[] {
  const clients = new Map<string, ExportedSpan>();
  for (const span of spans) if (isSent(span)) clients.set(span.traceId + span.spanId, span);
  return spans.flatMap((span) => {
    const client = span.kind === 'server' ? clients.get(span.traceId + span.parentSpanId) : undefined;
    if (client === undefined) return [];
    const sentMs = Number(client.attributes[ATTR_DEADLINE_TIMEOUT_MS]);
    const sent = `${client.serviceName} sent ${Math.round(sentMs)} ms`;
    const readMs = span.attributes[ATTR_DEADLINE_TIMEOUT_MS];
    if (readMs === undefined) {
      return { rule: 'deadline_lost_on_wire', detail: `${sent}, ${span.serviceName} read none`, span };
    }
    const slackMs = Math.max(SLACK_MS, sentMs * SLACK);
    // It leaves some time after the call was made, which is not known to be less than all of it.
    const isShorter = Number(readMs) < sentMs - client.durationMs - slackMs;
    if (!isShorter && Number(readMs) <= sentMs + slackMs) return [];
    const read = `read ${Math.round(Number(readMs))} ms from ${span.attributes[ATTR_DEADLINE_SOURCE]}`;
    return { rule: 'deadline_lost_on_wire', detail: `${sent}, ${span.serviceName} ${read}`, span };
  });
}

/** gRPC sends every deadline that a call has, HTTP only what is in a header. A deadline in the past may never be sent. */
function isSent({ kind, attributes }: ExportedSpan): boolean {
  const timeoutMs = attributes[ATTR_DEADLINE_TIMEOUT_MS];
  if (kind !== 'client' || typeof timeoutMs !== 'number' || timeoutMs <= 0) return false;
  return !KEPT_BY_CLIENT.includes(attributes[ATTR_DEADLINE_SOURCE]);
}

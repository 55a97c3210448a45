/** Broken propagation: the findings that spans have, and those that only a client's and a server's span together show. Pure. */

import { ATTR_DEADLINE_SOURCE, ATTR_DEADLINE_TIMEOUT_MS } from '../telemetry/attributes.ts';
import { PACKAGE_NAME } from '../version.ts';
import { findingsOn, isCancelled, type ToldFinding } from './cancel.ts';
import { groupBy } from './group-by.ts';
import type { ExportedSpan } from './span.ts';
import { type Vanished, vanishedProcesses } from './vanished.ts';

export interface Finding extends ToldFinding {
  readonly span: ExportedSpan;
}

/** By their rules, that which fired most often first. */
export function byRule(findings: readonly Finding[]): [rule: string, findings: Finding[]][] {
  return [...groupBy(findings, ({ rule }) => rule)].sort(([, a], [, b]) => b.length - a.length);
}

/** Those of which one trace tells all. */
export function findingsOf(spans: readonly ExportedSpan[]): Finding[] {
  const told = spans.flatMap((span) => findingsOn(span).map((finding) => ({ ...finding, span })));
  return [...told, ...lostDeadlines(spans)];
}

/** @param spans all that there are, of all services */
export function findingsAmong(spans: readonly ExportedSpan[]): Finding[] {
  return [...findingsOf(spans), ...vanishedProcesses(spans).map(findingOf)];
}

function findingOf({ serviceName, address, spans }: Vanished): Finding {
  const [span] = spans as readonly [ExportedSpan];
  const count = spans.length === 1 ? 'a request' : `${spans.length} requests`;
  const detail = `${serviceName} at ${address} ended with ${count} in flight: reset, no SERVER span, and nobody there since`;
  return { rule: 'process_vanished', detail, span };
}

/** Sources of a client's deadline that say nothing of the wire: a limit that only the client keeps. */
const KEPT_BY_CLIENT: readonly unknown[] = ['signal', 'timeout'];
/** grpc-timeout is rounded, and clients and servers read their clocks at their own time. */
const SLACK_MS = 20;
const SLACK = 0.01;

/** A deadline is a point in time there, and the two clocks may differ. */
const ABSOLUTE = 'x-request-deadline';

/**
 * Deadlines that did not arrive, or longer than they were sent, so that the server worked on when the time was up. Who takes
 * a deadline upon himself, and cancels what he has passed on, takes it from the header rightly; so does who makes it shorter.
 */
function lostDeadlines(spans: readonly ExportedSpan[]): Finding[] {
  const clients = new Map<string, ExportedSpan>();
  for (const span of spans) if (isSent(span)) clients.set(span.traceId + span.spanId, span);
  const readers = new Set(spans.filter(isRead).map(({ serviceName }) => serviceName));
  return spans.flatMap((span) => {
    const client = span.kind === 'server' ? clients.get(span.traceId + span.parentSpanId) : undefined;
    if (client === undefined) return [];
    const { [ATTR_DEADLINE_TIMEOUT_MS]: readMs, [ATTR_DEADLINE_SOURCE]: source } = span.attributes;
    const sentMs = Number(client.attributes[ATTR_DEADLINE_TIMEOUT_MS]);
    const limitMs = sentMs + Math.max(SLACK_MS, sentMs * SLACK);
    // One that was cancelled was told.
    if (span.durationMs <= limitMs || isCancelled(span)) return [];
    // One that this package does not see may have read it all the same.
    if (readMs === undefined ? !readers.has(span.serviceName) : Number(readMs) <= limitMs) return [];
    if (source === ABSOLUTE) return [];
    const read = readMs === undefined ? 'read none' : `read ${Math.round(Number(readMs))} ms from ${source}`;
    const took = `and took ${Math.round(span.durationMs)} ms`;
    const detail = `${client.serviceName} sent ${Math.round(sentMs)} ms, ${span.serviceName} ${read}, ${took}`;
    return { rule: 'deadline_lost_on_wire', detail, span };
  });
}

/** It is known of the service that it reads deadlines: by a span of ours, or one that has a deadline. */
function isRead({ kind, attributes, scopeName }: ExportedSpan): boolean {
  return (
    kind === 'server' && (scopeName === PACKAGE_NAME || attributes[ATTR_DEADLINE_TIMEOUT_MS] !== undefined)
  );
}

/** gRPC sends every deadline that a call has, HTTP only what is in a header. A deadline in the past may never be sent. */
function isSent({ kind, attributes }: ExportedSpan): boolean {
  const timeoutMs = attributes[ATTR_DEADLINE_TIMEOUT_MS];
  if (kind !== 'client' || typeof timeoutMs !== 'number' || timeoutMs <= 0) return false;
  return !KEPT_BY_CLIENT.includes(attributes[ATTR_DEADLINE_SOURCE]);
}

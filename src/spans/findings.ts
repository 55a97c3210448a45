/** Broken propagation: the findings that spans have, and those that only a client's and a server's span together show. Pure. */

import { ATTR_DEADLINE_SOURCE, ATTR_DEADLINE_TIMEOUT_MS } from '../telemetry/attributes.ts';
import { PACKAGE_NAME } from '../version.ts';
import { findingsOn, isCancelled, type ToldFinding } from './cancel.ts';
import { groupBy } from './group-by.ts';
import type { ExportedSpan } from './span.ts';
import { type Vanished, vanishedProcesses } from './vanished.ts';
import { VanishedWitnesses } from './vanished-witnesses.ts';

export interface Finding extends ToldFinding {
  readonly span: ExportedSpan;
}

/** By their rules, that which fired most often first. */
export function byRule(findings: readonly Finding[]): [rule: string, findings: Finding[]][] {
  return [...groupBy(findings, ({ rule }) => rule)].sort(([, a], [, b]) => b.length - a.length);
}

/** Those of which one trace tells all. */
export function findingsOf(spans: readonly ExportedSpan[]): Finding[] {
  const finder = new FindingsFinder({ areAll: false });
  const told = [...groupBy(spans, ({ traceId }) => traceId).values()].flatMap((trace) => finder.add(trace));
  return [...told, ...finder.rest()];
}

/** @param spans all that there are, of all services */
export function findingsAmong(spans: readonly ExportedSpan[]): Finding[] {
  return [...findingsOf(spans), ...vanishedProcesses(spans).map(findingOf)];
}

/** Looks at one trace after the other. What only all of them together show is told at the end. */
export class FindingsFinder {
  readonly #witnesses: VanishedWitnesses | undefined;
  /** Services of which it is known that they read deadlines. */
  readonly #readers = new Set<string>();
  readonly #lost: { readonly finding: Finding; readonly isCertain: boolean }[] = [];
  #leftOutCount = 0;

  /** @param areAll whether the traces are all that there are, of all services: only then a process can be missed */
  constructor({ areAll }: { readonly areAll: boolean }) {
    this.#witnesses = areAll ? new VanishedWitnesses() : undefined;
  }

  /** What may be a finding and is not judged, since there is too much of it. */
  get leftOutCount(): number {
    return this.#leftOutCount + (this.#witnesses?.leftOutCount ?? 0);
  }

  /** @returns those that the spans tell themselves */
  add(trace: readonly ExportedSpan[]): Finding[] {
    for (const span of trace) if (isRead(span)) this.#readers.add(span.serviceName);
    for (const each of lostDeadlines(trace)) {
      if (this.#lost.length < MAX_LOST) this.#lost.push(each);
      else this.#leftOutCount++;
    }
    this.#witnesses?.add(trace);
    return trace.flatMap((span) => findingsOn(span).map((finding) => ({ ...finding, span })));
  }

  rest(): Finding[] {
    const lost = this.#lost.filter(
      ({ finding, isCertain }) => isCertain || this.#readers.has(finding.span.serviceName),
    );
    return [
      ...lost.map(({ finding }) => finding),
      ...vanishedProcesses(this.#witnesses?.spans() ?? []).map(findingOf),
    ];
  }
}

/** More are not held. */
const MAX_LOST = 10_000;

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
function lostDeadlines(trace: readonly ExportedSpan[]): { finding: Finding; isCertain: boolean }[] {
  const clients = new Map<string | undefined, ExportedSpan>();
  for (const span of trace) if (isSent(span)) clients.set(span.spanId, span);
  return trace.flatMap((span) => {
    const client = span.kind === 'server' ? clients.get(span.parentSpanId) : undefined;
    if (client === undefined) return [];
    const { [ATTR_DEADLINE_TIMEOUT_MS]: readMs, [ATTR_DEADLINE_SOURCE]: source } = span.attributes;
    const sentMs = Number(client.attributes[ATTR_DEADLINE_TIMEOUT_MS]);
    const limitMs = sentMs + Math.max(SLACK_MS, sentMs * SLACK);
    // One that was cancelled was told.
    if (span.durationMs <= limitMs || isCancelled(span)) return [];
    if (readMs !== undefined && Number(readMs) <= limitMs) return [];
    if (source === ABSOLUTE) return [];
    const read = readMs === undefined ? 'read none' : `read ${Math.round(Number(readMs))} ms from ${source}`;
    const took = `and took ${Math.round(span.durationMs)} ms`;
    const detail = `${client.serviceName} sent ${Math.round(sentMs)} ms, ${span.serviceName} ${read}, ${took}`;
    // One that this package does not see may have read it all the same.
    return { finding: { rule: 'deadline_lost_on_wire', detail, span }, isCertain: readMs !== undefined };
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

/**
 * Of any number of traces, those few spans that tell whether a process vanished: what `vanishedProcesses()` finds among them it
 * would find among all. Pure.
 */
import { SPAN_SHUTDOWN } from '../telemetry/attributes.ts';
import type { ExportedSpan } from './span.ts';
import { addressOf, isAnswered, isReset, processOf, WORK } from './vanished.ts';

/** More are not held, of each kind. */
const MAX_HELD = 10_000;
/** Of an address and a process, the latest requests that it answered: one of them overtook what it did not. */
const LATEST = 20;

interface Served {
  readonly client: ExportedSpan;
  readonly server: ExportedSpan;
}

export class VanishedWitnesses {
  /** The last sign of life of each process. */
  readonly #last = new Map<string, ExportedSpan>();
  /** That it was asked to end. */
  readonly #shutdowns = new Map<string, ExportedSpan>();
  /** By what was said: the last time. */
  readonly #refused = new Map<string, ExportedSpan>();
  /** Requests that were reset, with what is there of the other side. */
  readonly #resets: ExportedSpan[] = [];
  /** By address and process: the first request that was answered, and the latest ones. */
  readonly #served = new Map<string, { first: Served; latest: Served[] }>();
  /** By address: the first request that was answered without a SERVER span. */
  readonly #unrecorded = new Map<string, ExportedSpan>();
  #leftOutCount = 0;

  get leftOutCount(): number {
    return this.#leftOutCount;
  }

  add(trace: readonly ExportedSpan[]): void {
    const servers = new Map<string | undefined, ExportedSpan>();
    for (const span of trace) {
      if (span.kind === 'server') servers.set(span.parentSpanId, span);
      const process = processOf(span);
      if (span.endMs > (this.#last.get(process)?.endMs ?? 0)) this.#last.set(process, signOfLife(span));
      if (span.name === SPAN_SHUTDOWN) this.#shutdowns.set(process, signOfLife(span));
    }
    let hasUnservedReset = false;
    for (const span of trace) {
      if (span.kind !== 'client') continue;
      this.#addRefused(span);
      const address = addressOf(span);
      if (address === undefined) continue;
      const server = servers.get(span.spanId);
      const isCut = isReset(span);
      // Of most there is nothing to keep.
      if (server === undefined && !isCut && !isAnswered(span)) continue;
      const client = withoutParent(span);
      if (server !== undefined) this.#addServed(address, { client, server });
      else if (isAnswered(client)) this.#addUnrecorded(address, client);
      if (!isCut) continue;
      hasUnservedReset ||= server === undefined;
      this.#addReset(server === undefined ? [client] : [client, server]);
    }
    if (hasUnservedReset) this.#addReset(orphansIn(trace));
  }

  /** Each once. */
  spans(): ExportedSpan[] {
    const served = [...this.#served.values()].flatMap(({ first, latest }) => [first, ...latest]);
    return [
      ...new Set([
        ...served.flatMap(({ client, server }) => [client, server]),
        ...this.#unrecorded.values(),
        ...this.#resets,
        ...this.#refused.values(),
        ...this.#last.values(),
        ...this.#shutdowns.values(),
      ]),
    ];
  }

  #addReset(spans: readonly ExportedSpan[]): void {
    if (this.#resets.length < MAX_HELD) this.#resets.push(...spans);
    else this.#leftOutCount += spans.length;
  }

  #addRefused(client: ExportedSpan): void {
    const { message } = client.status;
    if (!message.includes('ECONNREFUSED') || client.endMs < (this.#refused.get(message)?.endMs ?? 0)) return;
    if (this.#refused.has(message) || this.#refused.size < MAX_HELD)
      this.#refused.set(message, withoutParent(client));
    else this.#leftOutCount++;
  }

  #addServed(address: string, call: Served): void {
    const key = `${address} ${processOf(call.server)}`;
    const known = this.#served.get(key);
    if (known === undefined) {
      if (this.#served.size < MAX_HELD) this.#served.set(key, { first: call, latest: [call] });
      else this.#leftOutCount++;
      return;
    }
    if (call.client.endMs < known.first.client.endMs) known.first = call;
    known.latest.push(call);
    if (known.latest.length >= 2 * LATEST)
      known.latest = known.latest.sort((a, b) => b.client.startMs - a.client.startMs).slice(0, LATEST);
  }

  #addUnrecorded(address: string, client: ExportedSpan): void {
    const known = this.#unrecorded.get(address);
    if (known === undefined && this.#unrecorded.size >= MAX_HELD) this.#leftOutCount++;
    else if (known === undefined || client.endMs < known.endMs) this.#unrecorded.set(address, client);
  }
}

/** Spans whose parent is not there: of a SERVER span that is lost with its process. */
function orphansIn(trace: readonly ExportedSpan[]): ExportedSpan[] {
  const ids = new Set<string | undefined>(trace.map(({ spanId }) => spanId));
  return trace
    .filter(
      ({ kind, parentSpanId }) => WORK.includes(kind) && parentSpanId !== undefined && !ids.has(parentSpanId),
    )
    .map((span) => ({ ...span, kind: 'internal' }));
}

/** It tells no more than that its process was alive. */
function signOfLife(span: ExportedSpan): ExportedSpan {
  return { ...span, kind: 'internal', parentSpanId: undefined };
}

/** Among the few its parent is missing: that tells nothing. */
function withoutParent(span: ExportedSpan): ExportedSpan {
  return { ...span, parentSpanId: undefined };
}

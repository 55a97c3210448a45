/** Every line of code that cancelled, with what is known of it. Pure. */
import { cancelOf } from '../spans/cancel.ts';
import type { ExportedSpan } from '../spans/span.ts';
import { routeOf } from '../spans/title.ts';
import type { StoredTrace } from './store.ts';
import { Counts, Tallies } from './tallies.ts';

export interface Line {
  /** `function (file:line:column)`, or empty: cancels that no line of this side began. */
  readonly origin: string;
  readonly count: number;
  /** Of these, missed limits. */
  readonly deadlineExceededCount: number;
  readonly traceCount: number;
  /** Unix time in ms. */
  readonly lastMs: number;
  readonly services: readonly string[];
  readonly operations: readonly string[];
  /** The most frequent ones. */
  readonly reasons: readonly { readonly reason: string; readonly count: number }[];
}

const MAX_REASONS = 5;
const MAX_OPERATIONS = 5;

/** The line that cancels most first. */
export function linesOf(traces: readonly StoredTrace[], sinceMs = 0): Line[] {
  const tally = new LineTally(routeOf);
  for (const { spans } of traces) tally.add(spans, sinceMs);
  return tally.lines();
}

export class LineTally {
  readonly #nameOf: (span: ExportedSpan) => string;
  readonly #tallies = new Tallies((origin = '') => ({
    ...{ origin, count: 0, deadlineExceededCount: 0, traceCount: 0, lastMs: 0 },
    ...{ services: new Counts(), operations: new Counts(), reasons: new Counts() },
  }));

  constructor(nameOf: (span: ExportedSpan) => string) {
    this.#nameOf = nameOf;
  }

  /** @param trace of which nothing was added before */
  add(trace: readonly ExportedSpan[], sinceMs = 0): void {
    const seen = new Set<unknown>();
    for (const span of trace) {
      const cancel = cancelOf(span);
      if (cancel?.origin === undefined || cancel.atMs < sinceMs) continue;
      const tally = this.#tallies.of(cancel.origin);
      if (!seen.has(tally)) tally.traceCount++;
      seen.add(tally);
      tally.count++;
      if (cancel.outcome === 'deadline_exceeded') tally.deadlineExceededCount++;
      tally.lastMs = Math.max(tally.lastMs, cancel.atMs);
      tally.services.add(span.serviceName);
      tally.operations.add(this.#nameOf(span));
      if (cancel.reason !== undefined) tally.reasons.add(cancel.reason);
    }
  }

  /** That which cancels most first. */
  lines(): Line[] {
    const lines = this.#tallies.all().map(({ services, operations, reasons, ...counts }) => ({
      ...counts,
      services: textsOf(services.most(Number.POSITIVE_INFINITY)).sort(),
      operations: textsOf(operations.most(MAX_OPERATIONS)),
      reasons: reasons.most(MAX_REASONS).map(({ text, count }) => ({ reason: text, count })),
    }));
    return lines.sort((a, b) => b.count - a.count);
  }
}

function textsOf(counts: readonly { readonly text: string }[]): string[] {
  return counts.map(({ text }) => text);
}

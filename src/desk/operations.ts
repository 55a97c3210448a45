/** How many operations there were, and how many of them were cancelled, by service and route. Pure. */
import { cancelOf } from '../spans/cancel.ts';
import type { ExportedSpan } from '../spans/span.ts';
import { Tallies } from './tallies.ts';

export interface OperationCount {
  readonly service: string;
  readonly operation: string;
  readonly side: Side;
  readonly count: number;
  readonly canceledCount: number;
  readonly deadlineExceededCount: number;
}

export interface Rate {
  readonly count: number;
  readonly cancelledCount: number;
}

export type Side = 'incoming' | 'outgoing';

export class OperationTally {
  readonly #nameOf: (span: ExportedSpan) => string;
  readonly #tallies = new Tallies((service = '', operation = '', side = '') => ({
    ...{ service, operation, side: side as Side },
    ...{ count: 0, canceledCount: 0, deadlineExceededCount: 0 },
  }));

  readonly #rates = { incoming: { count: 0, cancelledCount: 0 }, outgoing: { count: 0, cancelledCount: 0 } };

  constructor(nameOf: (span: ExportedSpan) => string) {
    this.#nameOf = nameOf;
  }

  /** Of all, those that there is no row for as well. */
  rateOf(side: Side): Rate {
    return this.#rates[side];
  }

  add(span: ExportedSpan): void {
    const side = sideOf(span);
    if (side === undefined) return;
    const tally = this.#tallies.of(span.serviceName, this.#nameOf(span), side);
    tally.count++;
    const outcome = cancelOf(span)?.outcome;
    this.#rates[side].count++;
    if (outcome !== undefined) this.#rates[side].cancelledCount++;
    if (outcome === 'canceled') tally.canceledCount++;
    if (outcome === 'deadline_exceeded') tally.deadlineExceededCount++;
  }

  /** That with the most cancelled ones first. */
  operations(): OperationCount[] {
    return this.#tallies.all().sort((a, b) => cancelledIn(b) - cancelledIn(a) || b.count - a.count);
  }
}

export function cancelledIn({ canceledCount, deadlineExceededCount }: OperationCount): number {
  return canceledCount + deadlineExceededCount;
}

/** @returns undefined: it is inside of one */
export function sideOf({ kind }: ExportedSpan): Side | undefined {
  if (kind === 'server' || kind === 'consumer') return 'incoming';
  return kind === 'client' || kind === 'producer' ? 'outgoing' : undefined;
}

/** Work that was done for nobody, by the route of the operation that was cancelled, and by what it was spent on. Pure. */
import { Tallies } from '../../desk/tallies.ts';
import { wastedMsOf } from '../../spans/cancel.ts';
import type { ExportedSpan } from '../../spans/span.ts';
import { operationOf } from '../../spans/title.ts';
import { ATTR_CANCEL_SETTLED, ATTR_CANCEL_WASTED_ON_MS } from '../../telemetry/attributes.ts';

export interface Waste {
  readonly service: string;
  readonly operation: string;
  /** How often a handler, or a receiver, went on. */
  readonly count: number;
  readonly wastedMs: number;
  /** How much of it by what it was spent on, in ms; what was done at the same time counts for each. */
  readonly onMs: Readonly<Record<WasteKind, number>>;
  /** How often it was not over when the last was seen of it. */
  readonly unsettledCount: number;
}

export type WasteKind = keyof typeof ATTR_CANCEL_WASTED_ON_MS;
export const WASTE_KINDS = Object.keys(ATTR_CANCEL_WASTED_ON_MS) as readonly WasteKind[];

export class WasteTally {
  totalMs = 0;
  readonly #rows = new Tallies((service = '', operation = '') => ({
    ...{ service, operation, count: 0, wastedMs: 0, unsettledCount: 0 },
    onMs: { db: 0, http: 0, rpc: 0, messaging: 0 },
  }));

  add(trace: readonly ExportedSpan[], parentOf: (span: ExportedSpan) => ExportedSpan | undefined): void {
    for (const span of trace) {
      const wastedMs = wastedMsOf(span);
      if (wastedMs === 0) continue;
      const row = this.#rows.of(span.serviceName, operationOf(parentOf(span) ?? span));
      this.totalMs += wastedMs;
      row.count++;
      row.wastedMs += wastedMs;
      if (span.attributes[ATTR_CANCEL_SETTLED] === false) row.unsettledCount++;
      for (const kind of WASTE_KINDS) {
        const ms = Number(span.attributes[ATTR_CANCEL_WASTED_ON_MS[kind]] ?? 0);
        if (Number.isFinite(ms)) row.onMs[kind] += ms;
      }
    }
  }

  /** That with the most first. */
  rows(): Waste[] {
    return this.#rows.all().sort((a, b) => b.wastedMs - a.wastedMs);
  }
}

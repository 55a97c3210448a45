/** Which span's cancel was the cause of which other's: as spans say it themselves. Pure. */

import { cancelOf } from '../spans/cancel.ts';
import type { ExportedSpan } from '../spans/span.ts';
import { ATTR_CANCEL_CAUSE_SPAN_ID } from '../telemetry/attributes.ts';

export class Cancellers {
  readonly #bySpanId = new Map<string, ExportedSpan>();
  /** Spans of those who got the request, by the one that sent it. */
  readonly #received = new Map<string, ExportedSpan>();

  constructor(spans: Iterable<ExportedSpan>) {
    for (const span of spans) {
      this.#bySpanId.set(span.spanId, span);
      if (span.kind === 'server' && span.parentSpanId !== undefined)
        this.#received.set(span.parentSpanId, span);
    }
  }

  /** @returns undefined: it was not cancelled, began it, or whoever did has no span here */
  of(span: ExportedSpan): ExportedSpan | undefined {
    const cancel = cancelOf(span);
    if (cancel === undefined) return undefined;
    const cause = span.attributes[ATTR_CANCEL_CAUSE_SPAN_ID];
    const named = cause === undefined ? undefined : this.#bySpanId.get(String(cause));
    if (named !== undefined) return named;
    if (cancel.initiator === 'peer') return this.#peerOf(span);
    return cancel.initiator === 'inherited' ? this.#cancelledAbove(span) : undefined;
  }

  /** The other side of the same request. */
  #peerOf({ spanId, parentSpanId, kind }: ExportedSpan): ExportedSpan | undefined {
    const peer = kind === 'client' ? this.#received.get(spanId) : this.#bySpanId.get(parentSpanId ?? '');
    return peer && cancelOf(peer) && peer;
  }

  #cancelledAbove(span: ExportedSpan): ExportedSpan | undefined {
    const seen = new Set<ExportedSpan>();
    let above = this.#bySpanId.get(span.parentSpanId ?? '');
    while (above !== undefined && !seen.has(above) && cancelOf(above) === undefined) {
      seen.add(above);
      above = this.#bySpanId.get(above.parentSpanId ?? '');
    }
    return above && cancelOf(above) && above;
  }
}

/** The span of work that went on for nobody, which is made when it is over. */
import { type Tracer, trace } from '@opentelemetry/api';
import { toUnixMs } from '../operation/clock.ts';
import {
  ATTR_CANCEL_ASYNC_DEPTH,
  ATTR_CANCEL_ASYNC_TYPE,
  ATTR_CANCEL_ASYNC_WASTED_MS,
  ATTR_CANCEL_LATE_MESSAGES,
  ATTR_CANCEL_LATE_OPERATIONS,
  ATTR_CANCEL_LATE_WRITES,
  ATTR_CANCEL_SETTLED,
  ATTR_CANCEL_WASTED_MS,
  ATTR_CANCEL_WASTED_ON_MS,
  EVENT_CANCEL_ASYNC,
  SPAN_WORK_AFTER_CANCEL,
} from './attributes.ts';
import { writeFinding } from './findings.ts';
import type { LateType } from './late-async.ts';
import type { LateWork } from './late-work.ts';
import { roundMs } from './round-ms.ts';

export interface JudgedWork {
  readonly wastedMs: number;
  /** Otherwise nobody knows whether it goes on. */
  readonly isSettled: boolean;
  /** How long it went on for certain, where that is a finding. */
  readonly provenMs: number | undefined;
  readonly asyncTypes: readonly LateType[];
}

export function writeLateWork(
  tracer: Tracer,
  work: LateWork,
  { wastedMs, isSettled, provenMs, asyncTypes }: JudgedWork,
): void {
  const parent = trace.setSpan(work.operation.context, work.operation.span);
  const startTime = toUnixMs(work.cancelledAtMs);
  const span = tracer.startSpan(
    SPAN_WORK_AFTER_CANCEL,
    {
      startTime,
      attributes: {
        [ATTR_CANCEL_WASTED_MS]: roundMs(wastedMs),
        ...Object.fromEntries(
          [...work.spent.totals()].map(([on, spentMs]) => [ATTR_CANCEL_WASTED_ON_MS[on], roundMs(spentMs)]),
        ),
        [ATTR_CANCEL_LATE_WRITES]: work.writes,
        [ATTR_CANCEL_LATE_MESSAGES]: work.messages,
        [ATTR_CANCEL_LATE_OPERATIONS]: work.operations,
        [ATTR_CANCEL_SETTLED]: isSettled,
      },
    },
    parent,
  );
  const endTime = startTime + wastedMs;
  for (const { type, wastedMs: pendingMs, depth } of asyncTypes) {
    const attributes = {
      [ATTR_CANCEL_ASYNC_TYPE]: type,
      [ATTR_CANCEL_ASYNC_WASTED_MS]: roundMs(pendingMs),
      ...(depth > 0 && { [ATTR_CANCEL_ASYNC_DEPTH]: depth }),
    };
    span.addEvent(EVENT_CANCEL_ASYNC, attributes, endTime);
  }
  if (provenMs !== undefined) {
    // Of what is given up because a span is open all that is known is how long it has gone on.
    const isKnownOver = isSettled || (work.operation.side === 'server' && wastedMs <= provenMs);
    const goesOn = isKnownOver ? 'went on for' : 'is still running after';
    const detail = `${whoGoesOn(work)} ${goesOn} ${Math.round(provenMs)} ms`;
    writeFinding(span, undefined, 'work_after_cancel', detail);
  }
  span.end(endTime);
}

function whoGoesOn({ operation, returnedAtMs, lastProofMs }: LateWork): string {
  if (operation.side === 'client') return 'the receiver';
  return lastProofMs > (returnedAtMs ?? lastProofMs) ? 'what the handler had started' : 'the handler';
}

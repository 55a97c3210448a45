/** The time limits of streams: those of signals and headers, and the idle limits of setTimeout(), which streams and sessions have alike. */
import { isConnectDeadline } from '../../cancellation/reason.ts';
import type { Installation } from '../../hook/installation.ts';
import { after } from '../../hook/observe.ts';
import type { Undo } from '../../hook/replace.ts';
import type { Host } from '../../host.ts';
import type { StackTop } from '../../operation/captured-stack.ts';
import { CLOCK_SLACK_MS } from '../../operation/clock.ts';
import type { Evidence, Phase, Stack } from '../../operation/evidence.ts';
import type { Deadline, Operation } from '../../operation/operation.ts';
import type { Exchange } from './exchange.ts';
import type { Headers } from './propagation.ts';

/** How long a stream or a session may be silent: it starts again with every frame. */
export class IdleLimit {
  readonly timeoutMs: number;
  /** Of the call of setTimeout(). */
  readonly stack: Stack | undefined;
  /** True inside of the 'timeout' event: what ends a stream there does so because of the limit. */
  isPassing = false;

  constructor(timeoutMs: number, stack: Stack | undefined) {
    this.timeoutMs = timeoutMs;
    this.stack = stack;
  }
}

/** @param above the hook, whose callers made the request */
export function setLimitsOf(
  host: Host,
  operation: Operation,
  headers: Headers,
  signal: AbortSignal | undefined,
  above: StackTop,
): void {
  const ofSignal = signal && host.abortOrigins.deadlineOf(signal, operation.startedAtMs);
  host.sendDeadline(operation, headers, ofSignal, above);
}

/** @param reason of the abort that is going on, if one is */
export function isMissed(deadline: Deadline, reason: unknown): boolean {
  if (performance.now() >= deadline.atMs - CLOCK_SLACK_MS) return true;
  // Connect starts its timer a while before it makes the request.
  return isConnectDeadline(reason);
}

/** @param recordOf what is kept for a stream or session, if it is followed */
export function watchIdleLimits(
  host: Host,
  installation: Installation,
  prototype: object,
  recordOf: (target: object) => { limit: IdleLimit | undefined } | undefined,
): Undo {
  return after(
    prototype,
    'setTimeout',
    installation,
    (target: object, [given]: unknown[], _result, above) => {
      const record = recordOf(target);
      // Node clears the limit of every stream that it closes.
      if (record === undefined) return;
      const timeoutMs = Number(given);
      record.limit = timeoutMs > 0 ? new IdleLimit(timeoutMs, host.captureDeadlineStack(above)) : undefined;
    },
  );
}

/** Emits 'timeout' so that what is done in its listeners is known to be done because of the limit. */
export function whilePassing<T>(limit: IdleLimit | undefined, emit: () => T): T {
  if (limit === undefined) return emit();
  limit.isPassing = true;
  try {
    return emit();
  } finally {
    limit.isPassing = false;
  }
}

export function passingLimit({ limit, connection }: Exchange): IdleLimit | undefined {
  if (limit?.isPassing) return limit;
  return connection.limit?.isPassing ? connection.limit : undefined;
}

export function idleLimitPassed(
  host: Host,
  operation: Operation,
  { timeoutMs, stack }: IdleLimit,
  seen: { readonly phase: Phase; readonly rstCode?: number | undefined; readonly reason: unknown },
): Evidence {
  // Only now: until it has passed there is no point in time to name.
  if (operation.deadline === undefined) {
    host.setDeadline(operation, { atMs: performance.now(), timeoutMs, source: 'timeout', stack });
  }
  return { kind: 'local-timeout', trigger: 'timeout', ...seen, stack };
}

/** The one table that says what evidence means. */
import type { Evidence, LocalCall, Outcome } from '../operation/evidence.ts';
import type { Cancellation, Deadline, Operation } from '../operation/operation.ts';
import { isTimeoutError } from './reason.ts';

/** What classify() has to know of the operation. */
export type Subject = Pick<Operation, 'deadline' | 'owner'>;

/** @param nowMs the instant of the cancel on the clock of performance.now(), in ms */
export function classify(subject: Subject, evidence: Evidence, nowMs: number): Cancellation {
  switch (evidence.kind) {
    case 'signal':
      return evidence.isTimeout
        ? verdict('deadline_exceeded', 'local', 'signal_timeout', evidence, nowMs)
        : decidedHere(subject, 'abort', evidence, nowMs);
    case 'local':
      return isTimeoutError(evidence.reason)
        ? verdict('deadline_exceeded', 'local', 'timeout', evidence, nowMs)
        : decidedHere(subject, evidence.trigger, evidence, nowMs);
    case 'local-timeout':
      return verdict('deadline_exceeded', 'local', evidence.trigger, evidence, nowMs);
    case 'peer-gone':
      return verdict(whyPeerLeft(subject.deadline, nowMs), 'peer', 'disconnect', evidence, nowMs);
    case 'peer-reset':
      return verdict(whyPeerLeft(subject.deadline, nowMs), 'peer', 'reset', evidence, nowMs);
    case 'peer-status':
      return verdict(evidence.outcome, 'peer', 'status', evidence, nowMs);
    case 'own-status':
      return verdict(evidence.outcome, 'local', 'status', evidence, nowMs);
    case 'process-end':
      return decidedHere(subject, 'exit', evidence, nowMs);
    case 'parent':
      return verdict(evidence.outcome, 'inherited', 'parent', evidence, nowMs, subject.owner);
  }
}

/**
 * How much earlier than our own knowledge of the peer's deadline its reset may arrive and still be
 * that deadline, in ms. The peer's clock for it started when it sent the request, ours when we read it: on a
 * busy machine 20 ms apart were seen, not counting for how long our event loop did not look. Never more than half of the timeout, so that a cancel right after
 * the start of a short one stays a cancel.
 */
export function deadlineToleranceMs(timeoutMs: number): number {
  return Math.max(0, Math.min(50, Math.max(25, timeoutMs * 0.1), timeoutMs * 0.5));
}

function whyPeerLeft(deadline: Deadline | undefined, nowMs: number): Outcome {
  if (deadline === undefined) return 'canceled';
  const { atMs, timeoutMs, readLateMs = 0 } = deadline;
  return nowMs >= atMs - deadlineToleranceMs(timeoutMs) - readLateMs ? 'deadline_exceeded' : 'canceled';
}

/** A call of this process ended it: on its own account, or because what it works for was cancelled first. */
function decidedHere(
  subject: Subject,
  trigger: 'abort' | 'exit' | LocalCall['trigger'],
  evidence: Evidence,
  nowMs: number,
): Cancellation {
  const cause = subject.owner?.cancellation === undefined ? undefined : subject.owner;
  return verdict('canceled', cause ? 'inherited' : 'local', trigger, evidence, nowMs, cause);
}

function verdict(
  outcome: Outcome,
  initiator: Cancellation['initiator'],
  trigger: Cancellation['trigger'],
  evidence: Evidence,
  atMs: number,
  cause?: Operation,
): Cancellation {
  return {
    outcome,
    initiator,
    trigger,
    phase: evidence.phase,
    reason: 'reason' in evidence ? evidence.reason : undefined,
    stack: 'stack' in evidence ? evidence.stack : undefined,
    rstCode: evidence.rstCode,
    errorStatus: evidence.errorStatus,
    atMs,
    cause,
  };
}

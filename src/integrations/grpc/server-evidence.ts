/** Who ended a server call, and why. */
import type { Host } from '../../host.ts';
import type { StackTop } from '../../operation/captured-stack.ts';
import type { Evidence } from '../../operation/evidence.ts';
import { hasPassed } from './deadline.ts';
import { type BaseServerCall, kSession, kShutdown, type StatusObject } from './internals.ts';
import { serverPhase } from './phase.ts';
import { DEADLINE_EXCEEDED, outcomeOf } from './status.ts';

/** This side has answered. @returns undefined when the status is no cancellation */
export function whyAnswered(
  host: Host,
  call: BaseServerCall,
  status: StatusObject,
  above: StackTop,
): Evidence | undefined {
  const outcome = outcomeOf(status.code);
  if (outcome === undefined) return undefined;
  const phase = serverPhase(call);
  const reason = status.details;
  if (status.code === DEADLINE_EXCEEDED && reason === 'Deadline exceeded' && hasPassed(call.deadline)) {
    return { kind: 'local-timeout', trigger: 'deadline', reason, stack: undefined, phase };
  }
  return { kind: 'own-status', outcome, reason, stack: host.captureStack(above), phase };
}

/** The stream was closed by anything but an answer. */
export function whyLeft(call: BaseServerCall): Evidence {
  const phase = serverPhase(call);
  const session = call.stream[kSession];
  const teardown = session?.[kShutdown];
  if (teardown !== undefined) return { kind: 'local', trigger: 'shutdown', ...teardown, phase };
  // Node gives the streams of a lost connection an error code too; it came from nobody.
  if (session === undefined || session.destroyed) return { kind: 'peer-gone', phase };
  return { kind: 'peer-reset', phase, rstCode: call.stream.rstCode };
}

export function isOver({ cancelled, stream }: BaseServerCall): boolean {
  return cancelled || stream.destroyed || stream.closed;
}

/** What a status that nobody on this side asked for says of the peer. */
import type { Evidence } from '../../operation/evidence.ts';
import type { Operation } from '../../operation/operation.ts';
import { streamPhase } from './client-phase.ts';
import { hasPassed } from './deadline.ts';
import { attemptOf, type ResolvingCall, type StatusObject, type StreamCall } from './library.ts';
import { CANCELLED, outcomeOf } from './status.ts';

const NGHTTP2_CANCEL = 8;

/** @returns undefined when the status is no cancellation, or did not come from the peer */
export function statusEvidence(
  call: ResolvingCall,
  operation: Operation,
  status: StatusObject,
): Evidence | undefined {
  const outcome = outcomeOf(status.code);
  if (outcome === undefined) return undefined;
  const stream = attemptOf(call)?.child;
  const answered = stream?.getStatus();
  // Other CANCELLEDs are made up on this side, such as by credentials that failed.
  if (stream == null || answered == null || answered.code !== status.code) return undefined;
  const phase = streamPhase(stream);
  const reason = status.details;
  if (answered.rstCode !== undefined) {
    if (status.code !== CANCELLED || isConnectionLost(stream)) return undefined;
    return { kind: 'peer-reset', reason, phase, rstCode: answered.rstCode };
  }
  // The server runs the same limit, and its word may come before our own timer has fired.
  if (outcome === 'deadline_exceeded' && operation.deadline !== undefined && hasPassed(call.deadline)) {
    const { stack } = operation.deadline;
    return { kind: 'local-timeout', trigger: 'deadline', reason, stack, phase };
  }
  return { kind: 'peer-status', outcome, reason, phase };
}

/** Node makes up a RST_STREAM with CANCEL for the streams of a lost connection; grpc-js knows since 1.12.7. */
function isConnectionLost(stream: StreamCall): boolean {
  return stream.connectionDropped ?? stream.transport.session.destroyed;
}

/** grpc-js resets a stream that it ends; before there is one, and after its end, there is nothing to reset. */
export function sentReset(call: ResolvingCall): number | undefined {
  const stream = attemptOf(call)?.child;
  return stream == null || stream.getStatus() !== null ? undefined : NGHTTP2_CANCEL;
}

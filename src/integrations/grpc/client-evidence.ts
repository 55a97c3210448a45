/** Who ended a client call, and why. */
import type { Host } from '../../host.ts';
import type { StackTop } from '../../operation/captured-stack.ts';
import type { Evidence } from '../../operation/evidence.ts';
import type { Operation } from '../../operation/operation.ts';
import { hasPassed, noteConfiguredDeadline } from './deadline.ts';
import { attemptOf, kParent, type ResolvingCall, type StatusObject, type StreamCall } from './internals.ts';
import { clientPhase, streamPhase } from './phase.ts';
import { CANCELLED, DEADLINE_EXCEEDED, outcomeOf } from './status.ts';

const NGHTTP2_CANCEL = 8;
/** Of grpc-js's ConnectivityState. */
const READY = 2;

/** This side has called cancelWithStatus(). */
export function whyCancelled(
  host: Host,
  call: ResolvingCall,
  operation: Operation,
  code: number,
  details: string,
  above: StackTop,
): Evidence {
  const phase = clientPhase(call);
  const rstCode = sentReset(call);
  const parent = call[kParent];
  if (parent !== undefined && code === CANCELLED && details === 'Cancelled by parent call') {
    // grpc-js says CANCELLED whatever ended the parent.
    const outcome =
      operation.owner?.cancellation?.outcome ??
      (hasPassed(parent.getDeadline()) ? 'deadline_exceeded' : 'canceled');
    const stack = outcome === 'deadline_exceeded' ? operation.deadline?.stack : undefined;
    return { kind: 'parent', outcome, reason: details, stack, phase, rstCode };
  }
  if (code !== DEADLINE_EXCEEDED) {
    // The listener of a signal calls cancel(): of a limit that says more than its own line.
    const story = host.abortOrigins.inProgress();
    if (story?.isTimeout) return { kind: 'signal', phase, rstCode, ...story };
    const stack = host.captureStack(above);
    return { kind: 'local', trigger: 'cancel', reason: details, stack, phase, rstCode };
  }
  // An interceptor may say anything.
  const isOfTimer = typeof details === 'string' && details.startsWith('Deadline exceeded');
  const isTimer = isOfTimer && hasPassed(call.deadline);
  if (isTimer) noteConfiguredDeadline(host, call, operation);
  const stack = isTimer ? operation.deadline?.stack : host.captureStack(above);
  return { kind: 'local-timeout', trigger: 'deadline', reason: details, stack, phase, rstCode };
}

/**
 * A status has come that nobody on this side asked for.
 *
 * @returns undefined when the status is no cancellation, or did not come from the peer
 */
export function whyTold(
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

/**
 * The request is on its way to a connection, and the attempt has not been made: nobody will hear of a cancel. Where no connection
 * stands there may never be one, and nobody hears of the request either.
 */
export function isOutOfReach(call: ResolvingCall): boolean {
  return call.child === null && call.filterStack !== null && call.channel.connectivityState === READY;
}

/** The server has the request, or is about to get it. */
export function isSent(call: ResolvingCall): boolean {
  return attemptOf(call)?.child != null || isOutOfReach(call);
}

/** Node makes up a RST_STREAM with CANCEL for the streams of a lost connection; grpc-js knows since 1.12.7. */
function isConnectionLost(stream: StreamCall): boolean {
  return stream.connectionDropped ?? stream.transport.session.destroyed;
}

/** grpc-js resets a stream that it ends; before there is one, and after its end, there is nothing to reset. */
function sentReset(call: ResolvingCall): number | undefined {
  const stream = attemptOf(call)?.child;
  return stream == null || stream.getStatus() !== null ? undefined : NGHTTP2_CANCEL;
}

/** Client calls from their start to their end. */
import { SpanKind } from '@opentelemetry/api';
import type { Installation } from '../../hook/installation.ts';
import type { Host } from '../../host.ts';
import type { StackTop } from '../../operation/captured-stack.ts';
import { type Evidence, endedBy, type ProcessEnd } from '../../operation/evidence.ts';
import type { Operation } from '../../operation/operation.ts';
import { isOutOfReach, isSent, whyCancelled, whyTold } from './client-evidence.ts';
import { setCallDeadline } from './deadline.ts';
import { describeCall, describeResult, methodOf } from './description.ts';
import { whyDestroyed } from './evidence.ts';
import {
  attemptOf,
  type CallArgs,
  type Channel,
  type ClientStream,
  callOf,
  isConnected,
  kHeldEnd,
  kOperation,
  kParent,
  type ResolvingCall,
  type StatusObject,
} from './internals.ts';
import { isOfficialOn, OFFICIAL_SCOPES, unsampledSpan } from './official.ts';
import { passOnEnd } from './pass-on.ts';
import { clientPhase } from './phase.ts';
import { metadataSetter } from './propagation.ts';
import { outcomeOf } from './status.ts';

/** @param given the deadline that the application said */
export function beginCall(
  host: Host,
  channel: Channel,
  call: ResolvingCall,
  args: CallArgs,
  given: number | Date,
  above: StackTop,
): void {
  if (host.isSuppressed()) return;
  const official = host.officialSpan(SpanKind.CLIENT, OFFICIAL_SCOPES) ?? unsampledSpan(host, 'client');
  if (official === undefined && isOfficialOn()) return;
  const operation =
    official === undefined
      ? host.start(describeCall(channel, args[0]))
      : host.adopt('client', 'grpc', official, methodOf(args[0]));
  call[kOperation] = operation;
  host.endsWithProcess(operation, call, cutCall);
  if (args[3]) call[kParent] = args[3];
  passOnEnd(host, call, operation);
  setCallDeadline(host, call, operation, given, above);
}

/** start() clones the application's metadata: what is added to the clone is sent, and nobody else sees it. */
export function callStarted(host: Host, call: ResolvingCall, operation: Operation): void {
  if (call.ended) endHeld(host, call, operation);
  else if (operation.ownsSpan && call.metadata !== null) {
    host.inject(operation, call.metadata, metadataSetter);
  }
}

export function callCancelled(
  host: Host,
  call: ResolvingCall,
  operation: Operation,
  code: number,
  details: string,
  above: StackTop,
): void {
  // grpc-js itself ends a call so when something fails on this side, and an interceptor that refuses what it is given.
  const isFailure = outcomeOf(code) === undefined;
  if (isHeld(call)) {
    const evidence = isFailure ? undefined : whyCancelled(host, call, operation, code, details, above);
    call[kHeldEnd] = { evidence, status: { code, details } };
    return;
  }
  if (isFailure) return;
  const isNeverTold = isOutOfReach(call);
  const evidence = whyCancelled(host, call, operation, code, details, above);
  cancelCall(host, call, operation, evidence);
  if (isNeverTold && evidence.kind !== 'local-timeout') {
    host.addFinding(
      operation,
      'cancel_not_sent',
      'cancelled in the tick of its start: grpc-js sends it all the same',
    );
  }
}

export function callTold(host: Host, call: ResolvingCall, operation: Operation, status: StatusObject): void {
  if (isHeld(call)) return;
  if (operation.cancellation === undefined) {
    const evidence = whyTold(call, operation, status);
    if (evidence !== undefined) cancelCall(host, call, operation, evidence);
  }
  settleCall(host, call, operation, status);
}

/** grpc-js does not cancel the call of a stream that is destroyed: the server writes on, and no status ever comes. */
export function callDestroyed(
  host: Host,
  installation: Installation,
  stream: ClientStream,
  error: unknown,
  above: StackTop,
): void {
  const call = callOf(stream);
  const operation = call?.[kOperation];
  if (call === undefined || operation === undefined || call.ended || operation.isSettled) return;
  cancelCall(host, call, operation, whyDestroyed(host, error, clientPhase(call), above));
  // Leaving a loop is often followed by cancel(), in the same tick or its microtasks, and that does reach
  // the server. The stream's own events, on which the official span ends, come in a later tick.
  process.nextTick(installation.guard(endAbandoned), host, call, operation);
}

function endAbandoned(host: Host, call: ResolvingCall, operation: Operation): void {
  if (operation.isSettled) return;
  // The server is done when its status has come, though nobody reads up to that.
  const isServerDone = attemptOf(call)?.child?.getStatus() != null;
  if (!isServerDone && isSent(call)) {
    host.addFinding(operation, 'cancel_not_sent', 'destroy() does not cancel the call: the server goes on');
  }
  host.settle(operation);
}

/**
 * An interceptor has not started the call yet. It may have answered by itself, and never do so: what ends
 * such a call, its deadline or somebody's cancel() after the answer, says nothing.
 */
function isHeld(call: ResolvingCall): boolean {
  return call.metadata === null;
}

/** An interceptor has started a call that had ended in its hands: grpc-js does nothing with it any more. */
function endHeld(host: Host, call: ResolvingCall, operation: Operation): void {
  const end = call[kHeldEnd];
  if (end?.evidence !== undefined) host.cancel(operation, end.evidence);
  const settlement = end && host.isEndTold(operation) ? describeResult(end.status, undefined) : undefined;
  host.settle(operation, settlement);
}

function cancelCall(host: Host, call: ResolvingCall, operation: Operation, evidence: Evidence): void {
  host.cancel(operation, evidence, isConnected(call));
}

function cutCall(host: Host, call: ResolvingCall, end: ProcessEnd): void {
  const operation = call[kOperation];
  if (operation === undefined) return;
  host.cancel(operation, endedBy(end, clientPhase(call)));
  // No status was received.
  host.settle(operation);
}

function settleCall(host: Host, call: ResolvingCall, operation: Operation, status: StatusObject): void {
  const isTold = host.isEndTold(operation);
  host.settle(operation, isTold ? describeResult(status, attemptOf(call)?.child?.transport) : undefined);
}

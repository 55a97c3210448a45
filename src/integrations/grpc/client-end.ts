/** A client call ends: who ended it, and with what status. */
import type { Installation } from '../../hook/installation.ts';
import { before } from '../../hook/observe.ts';
import { type Undo, undoAll } from '../../hook/replace.ts';
import type { Host } from '../../integration.ts';
import type { StackTop } from '../../operation/captured-stack.ts';
import type { Evidence } from '../../operation/evidence.ts';
import type { Operation } from '../../operation/operation.ts';
import { sentReset, statusEvidence } from './client-evidence.ts';
import { clientPhase } from './client-phase.ts';
import { deadlineFrom, hasPassed } from './deadline.ts';
import {
  attemptOf,
  isConnected,
  kHeldEnd,
  kOperation,
  kParent,
  type ResolvingCall,
  type StatusObject,
} from './library.ts';
import { CANCELLED, clientSettlement, DEADLINE_EXCEEDED } from './status.ts';

/** grpc-js itself ends a call with these when something fails on this side: no cancellation. */
const FAILURES: ReadonlySet<unknown> = new Set([
  0, // never sensible
  2, // UNKNOWN
  8, // RESOURCE_EXHAUSTED: a message is too large
  12, // UNIMPLEMENTED: more than one answer to a unary call
  13, // INTERNAL: a message could not be serialized or parsed
  14, // UNAVAILABLE: the channel was closed
]);

export function watchEnd(moduleExports: unknown, host: Host, installation: Installation): Undo {
  const { ResolvingCall } = moduleExports as { ResolvingCall: { prototype: object } };
  const { prototype } = ResolvingCall;
  const undos = [watchCancel(prototype, host, installation), watchStatus(prototype, host, installation)];
  return () => undoAll(undos);
}

/** Every end that is decided on this side comes through here: cancel(), interceptors, the deadline, `parent`. */
function watchCancel(prototype: object, host: Host, installation: Installation): Undo {
  type Args = [code: number, details: string];
  return before(prototype, 'cancelWithStatus', installation, (call: ResolvingCall, args: Args, above) => {
    const operation = call[kOperation];
    // A cancel() after the end is common: nice-grpc calls it for every stream.
    if (operation === undefined || call.ended || operation.isSettled) return;
    noteCancel(host, call, operation, args[0], args[1], above);
  });
}

function noteCancel(
  host: Host,
  call: ResolvingCall,
  operation: Operation,
  code: number,
  details: string,
  above: StackTop,
): void {
  const isFailure = FAILURES.has(code);
  if (isHeld(call)) {
    const evidence = isFailure ? undefined : cancelEvidence(host, call, operation, code, details, above);
    call[kHeldEnd] = { evidence, status: { code, details } };
    return;
  }
  if (isFailure) return;
  // The request is then on its way to the attempt, which has not been made: nobody will hear of the cancel.
  const isOutOfReach = call.child === null && call.filterStack !== null;
  const evidence = cancelEvidence(host, call, operation, code, details, above);
  host.cancel(operation, evidence, isConnected(call));
  if (isOutOfReach && evidence.kind !== 'local-timeout') {
    host.addFinding(
      operation,
      'cancel_not_sent',
      'cancelled in the tick of its start: grpc-js sends it all the same',
    );
  }
}

/**
 * An interceptor has not started the call yet. It may have answered by itself, and never do so: what ends
 * such a call, its deadline or somebody's cancel() after the answer, says nothing.
 */
function isHeld(call: ResolvingCall): boolean {
  return call.metadata === null;
}

/** An interceptor has started a call that had ended in its hands: grpc-js does nothing with it any more. */
export function endStarted(host: Host, call: ResolvingCall, operation: Operation): void {
  const end = call[kHeldEnd];
  if (end?.evidence !== undefined) host.cancel(operation, end.evidence);
  const settlement = end && host.isEndTold(operation) ? clientSettlement(end.status, undefined) : undefined;
  host.settle(operation, settlement);
}

function cancelEvidence(
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
    const stack = host.captureStack(above);
    return { kind: 'local', trigger: 'cancel', reason: details, stack, phase, rstCode };
  }
  const isTimer = details.startsWith('Deadline exceeded') && hasPassed(call.deadline);
  if (isTimer) noteConfiguredDeadline(host, call, operation);
  const stack = isTimer ? operation.deadline?.stack : host.captureStack(above);
  return { kind: 'local-timeout', trigger: 'deadline', reason: details, stack, phase, rstCode };
}

/** The service config may limit a call after it was made; it says so only by the timer. */
function noteConfiguredDeadline(host: Host, call: ResolvingCall, operation: Operation): void {
  const atMs = operation.deadline?.atMs;
  const actual = deadlineFrom(call.deadline, 'timeout', undefined);
  if (actual === undefined || (atMs !== undefined && Math.abs(atMs - actual.atMs) < 10)) return;
  host.setDeadline(operation, { ...actual, timeoutMs: actual.atMs - operation.startedAtMs });
}

/** The first status is the call's; grpc-js ignores any other. */
function watchStatus(prototype: object, host: Host, installation: Installation): Undo {
  return before(prototype, 'outputStatus', installation, (call: ResolvingCall, args: [StatusObject]) => {
    const operation = call[kOperation];
    if (operation === undefined || call.ended || operation.isSettled) return;
    noteStatus(host, call, operation, args[0]);
  });
}

function noteStatus(host: Host, call: ResolvingCall, operation: Operation, status: StatusObject): void {
  if (isHeld(call)) return;
  if (operation.cancellation === undefined) {
    const evidence = statusEvidence(call, operation, status);
    if (evidence !== undefined) host.cancel(operation, evidence, isConnected(call));
  }
  if (host.isEndTold(operation)) {
    host.settle(operation, clientSettlement(status, attemptOf(call)?.child?.transport));
  } else {
    host.settle(operation);
  }
}

/** Server calls from their start to their end. */
import { SpanKind } from '@opentelemetry/api';
import type { Host } from '../../integration.ts';
import type { StackTop } from '../../operation/captured-stack.ts';
import type { Operation } from '../../operation/operation.ts';
import { hasPassed } from './deadline.ts';
import { describeAnswer, describeIncoming, methodOf } from './description.ts';
import {
  type BaseServerCall,
  baseOf,
  GONE,
  kOperation,
  kSession,
  type StatusObject,
  type SurfaceCall,
} from './internals.ts';
import { isOfficialOn, OFFICIAL_SCOPES, unsampledSpan } from './official.ts';
import { metadataGetter } from './propagation.ts';
import { isOver, whyAnswered, whyLeft } from './server-evidence.ts';
import { CANCELLED, DEADLINE_EXCEEDED } from './status.ts';
import { noteTimeout } from './timeout-header.ts';

/** @returns undefined when the call is not to be recorded */
export function beginIncoming(host: Host, surface: SurfaceCall, path: string): Operation | undefined {
  const base = baseOf(surface);
  const session = base?.stream.session;
  const official = host.officialSpan(SpanKind.SERVER, OFFICIAL_SCOPES) ?? unsampledSpan(host, 'server');
  if (base === undefined || (official === undefined && isOfficialOn())) return undefined;
  const operation =
    official === undefined
      ? host.start(describeIncoming(session ?? GONE, path), host.extract(surface.metadata, metadataGetter))
      : host.adopt('server', 'grpc', official, methodOf(path));
  base[kOperation] = operation;
  operation.answer = surface;
  if (session !== undefined) base[kSession] = session;
  noteTimeout(host, base, operation);
  // The handler of a unary call runs even when its call has ended while the request was read.
  if (base.cancelled) endBeforeHandler(host, base, operation);
  return operation;
}

/** A status is on its way: from the handler, or from grpc-js when the time is over. */
export function incomingAnswered(
  host: Host,
  call: BaseServerCall,
  operation: Operation,
  status: StatusObject,
  above: StackTop,
): void {
  // An answer to a client that is gone: the cancel is about to be told.
  if (isOver(call)) return;
  const evidence = whyAnswered(host, call, status, above);
  if (evidence !== undefined) host.cancel(operation, evidence);
  settleIncoming(host, operation, status.code, status.details);
}

/** grpc-js says that the call is cancelled. */
export function incomingLeft(host: Host, call: BaseServerCall): void {
  const operation = call[kOperation];
  if (operation !== undefined && !operation.isSettled) cancelLeft(host, call, operation);
}

/** The call ended while its request was read: by its time limit, or left by its client. */
function endBeforeHandler(host: Host, call: BaseServerCall, operation: Operation): void {
  if (call.deadline !== Number.POSITIVE_INFINITY && hasPassed(call.deadline)) {
    host.cancel(operation, {
      kind: 'local-timeout',
      trigger: 'deadline',
      reason: 'Deadline exceeded',
      stack: undefined,
      phase: 'read',
    });
    settleIncoming(host, operation, DEADLINE_EXCEEDED);
  } else {
    cancelLeft(host, call, operation);
  }
}

function cancelLeft(host: Host, call: BaseServerCall, operation: Operation): void {
  host.cancel(operation, whyLeft(call));
  settleIncoming(host, operation, CANCELLED);
}

function settleIncoming(host: Host, operation: Operation, code: number, details?: string): void {
  host.settle(operation, host.isEndTold(operation) ? describeAnswer(code, details) : undefined);
}

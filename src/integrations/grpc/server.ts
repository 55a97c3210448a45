/** Server calls from their start to their end. */
import { SpanKind } from '@opentelemetry/api';
import type { Installation } from '../../hook/installation.ts';
import type { Host } from '../../host.ts';
import type { StackTop } from '../../operation/captured-stack.ts';
import { endedBy, type ProcessEnd } from '../../operation/evidence.ts';
import type { Operation } from '../../operation/operation.ts';
import { hasPassed } from './deadline.ts';
import { describeAnswer, describeIncoming, methodOf } from './description.ts';
import { whyDestroyed } from './evidence.ts';
import {
  answersByCallback,
  type BaseServerCall,
  baseOf,
  GONE,
  kAnswered,
  keepSession,
  kOperation,
  type StatusObject,
  type SurfaceCall,
} from './internals.ts';
import { isOfficialOn, OFFICIAL_SCOPES, unsampledSpan } from './official.ts';
import { serverPhase } from './phase.ts';
import { metadataGetter } from './propagation.ts';
import { isOver, whyAnswered, whyLeft } from './server-evidence.ts';
import { CANCELLED, DEADLINE_EXCEEDED, OK } from './status.ts';
import { noteTimeout } from './timeout-header.ts';

/** @returns undefined when the call is not to be recorded */
export function beginIncoming(host: Host, surface: SurfaceCall, path: string): Operation | undefined {
  const base = baseOf(surface);
  const official = host.officialSpan(SpanKind.SERVER, OFFICIAL_SCOPES) ?? unsampledSpan(host, 'server');
  if (base === undefined || (official === undefined && isOfficialOn())) return undefined;
  const session = keepSession(base.stream);
  const operation =
    official === undefined
      ? host.start(describeIncoming(session ?? GONE, path), host.extract(surface.metadata, metadataGetter))
      : host.adopt('server', 'grpc', official, methodOf(path));
  base[kOperation] = operation;
  host.endsWithProcess(operation, base, cutIncoming);
  operation.answer = surface;
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
  settleLater: SettleAnswered,
): void {
  // An answer to a client that is gone: the cancel is about to be told.
  if (isOver(call)) return;
  const evidence = whyAnswered(host, call, status, above);
  if (evidence !== undefined) host.cancel(operation, evidence);
  if (isLeftOpen(call, operation, status)) {
    host.settle(operation, { ...describeAnswer(status.code, status.details), endsOfficialSpan: true });
  } else if (operation.ownsSpan && mayBeReset(call)) {
    call[kAnswered] = true;
    setImmediate(settleLater, host, operation, status);
  } else {
    settleIncoming(host, operation, status.code, status.details);
  }
}

export type SettleAnswered = (host: Host, operation: Operation, status: StatusObject) => void;

export function settleAnswered(host: Host, operation: Operation, status: StatusObject): void {
  if (!operation.isSettled) settleIncoming(host, operation, status.code, status.details);
}

/**
 * Of a stream that its client resets, Node tells the end of the requests first, and the reset later in the same turn: a handler that
 * ends its own stream when all requests have come answers nobody. (An answer by callback is sent later than that.)
 */
function mayBeReset({ handler, stream }: BaseServerCall): boolean {
  return handler?.type === 'bidi' && stream.readableEnded;
}

/**
 * The official instrumentation ends its span when the handler calls back or emits 'error', which is over by now, or when its
 * stream has sent all, which is about to be told. Not when the handler throws, nor when it ends the stream of a unary call.
 */
function isLeftOpen({ handler }: BaseServerCall, operation: Operation, status: StatusObject): boolean {
  if (operation.ownsSpan || !operation.span.isRecording()) return false;
  return status.code !== OK || answersByCallback(handler?.type);
}

/**
 * A handler has destroyed the stream it answers by. grpc-js sends no status then: the client waits on, for as long as its
 * deadline lets it. (A handler that has a callback can still answer by that.)
 */
export function incomingDestroyed(
  host: Host,
  installation: Installation,
  surface: SurfaceCall,
  error: unknown,
  above: StackTop,
): void {
  const base = baseOf(surface);
  const operation = base?.[kOperation];
  if (base === undefined || operation === undefined || operation.isSettled || isOver(base)) return;
  if (answersByCallback(base.handler?.type)) return;
  host.cancel(operation, whyDestroyed(host, error, serverPhase(base), above));
  // The stream's own events, on which the official span ends, come in a later tick.
  process.nextTick(installation.guard(endAbandoned), host, operation);
}

function endAbandoned(host: Host, operation: Operation): void {
  if (operation.isSettled) return;
  host.addFinding(operation, 'cancel_not_sent', 'destroy() sends no status: the client waits on');
  host.settle(operation);
}

/** grpc-js says that the call is cancelled. */
export function incomingLeft(host: Host, call: BaseServerCall): void {
  const operation = call[kOperation];
  // What has been answered ends without a code.
  if (call[kAnswered] && !call.stream.rstCode) return;
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

function cutIncoming(host: Host, call: BaseServerCall, end: ProcessEnd): void {
  const operation = call[kOperation];
  if (operation === undefined) return;
  host.cancel(operation, endedBy(end, serverPhase(call)));
  // No status was sent.
  host.settle(operation);
}

function settleIncoming(host: Host, operation: Operation, code: number, details?: string): void {
  host.settle(operation, host.isEndTold(operation) ? describeAnswer(code, details) : undefined);
}

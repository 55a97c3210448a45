/** A server call ends: answered by its handler, by its own timer, or left by its client. */
import type { Installation } from '../../hook/installation.ts';
import { before } from '../../hook/observe.ts';
import { type Undo, undoAll } from '../../hook/replace.ts';
import type { Host } from '../../integration.ts';
import type { StackTop } from '../../operation/captured-stack.ts';
import type { Evidence, ServerPhase } from '../../operation/evidence.ts';
import type { Operation } from '../../operation/operation.ts';
import { hasPassed } from './deadline.ts';
import { type BaseServerCall, kOperation, kSession, kShutdown, type StatusObject } from './library.ts';
import { noteRefusal } from './server-timeout.ts';
import { CANCELLED, DEADLINE_EXCEEDED, outcomeOf, serverSettlement } from './status.ts';

/** grpc-js 1.10 and later. */
export function watchServerCalls(moduleExports: unknown, host: Host, installation: Installation): Undo {
  const { prototype } = (moduleExports as { BaseServerInterceptingCall: { prototype: object } })
    .BaseServerInterceptingCall;
  const undos = [
    watchSendStatus(prototype, host, installation),
    watchNotifyOnCancel(prototype, host, installation),
    watchLateAnswer(prototype, 'sendMessage', host, installation),
  ];
  return () => undoAll(undos);
}

/** grpc-js 1.9: another class, which tells its cancel by an event. */
export function watchServerCalls19(moduleExports: unknown, host: Host, installation: Installation): Undo {
  const { prototype } = (moduleExports as { Http2ServerCallStream: { prototype: object } })
    .Http2ServerCallStream;
  const undos = [
    watchSendStatus(prototype, host, installation),
    watchEmit19(prototype, host, installation),
    watchLateAnswer(prototype, 'sendUnaryMessage', host, installation),
  ];
  return () => undoAll(undos);
}

function watchSendStatus(prototype: object, host: Host, installation: Installation): Undo {
  return before(
    prototype,
    'sendStatus',
    installation,
    (call: BaseServerCall, args: [StatusObject], above) => {
      const operation = call[kOperation];
      if (operation === undefined) noteRefusal(host, call, args[0]);
      else if (operation.lateWork !== undefined) host.lateEnd(operation);
      else if (!operation.isSettled) noteStatus(host, call, operation, args[0], above);
    },
  );
}

function noteStatus(
  host: Host,
  call: BaseServerCall,
  operation: Operation,
  status: StatusObject,
  above: StackTop,
): void {
  // An answer to a client that is gone: the cancel is about to be told.
  if (isOver(call)) return;
  const outcome = outcomeOf(status.code);
  if (outcome !== undefined) {
    const phase = serverPhase(call);
    const reason = status.details;
    if (status.code === DEADLINE_EXCEEDED && reason === 'Deadline exceeded' && hasPassed(call.deadline)) {
      host.cancel(operation, { kind: 'local-timeout', trigger: 'deadline', reason, stack: undefined, phase });
    } else {
      host.cancel(operation, { kind: 'own-status', outcome, reason, stack: host.captureStack(above), phase });
    }
  }
  host.settle(
    operation,
    host.isEndTold(operation) ? serverSettlement(status.code, status.details) : undefined,
  );
}

/** The one answer of a unary or client-streaming handler; streams are destroyed at the cancel and send none. */
function watchLateAnswer(
  prototype: object,
  method: 'sendMessage' | 'sendUnaryMessage',
  host: Host,
  installation: Installation,
): Undo {
  return before(prototype, method, installation, (call: BaseServerCall) => {
    const operation = call[kOperation];
    if (operation?.lateWork !== undefined) host.lateWrite(operation, true);
  });
}

export function isOver({ cancelled, stream }: BaseServerCall): boolean {
  return cancelled || stream.destroyed || stream.closed;
}

/** Told at the end of every call since 1.10, which is what settled operations are for. */
function watchNotifyOnCancel(prototype: object, host: Host, installation: Installation): Undo {
  return before(prototype, 'notifyOnCancel', installation, (call: BaseServerCall) => cancelTold(host, call));
}

function watchEmit19(prototype: object, host: Host, installation: Installation): Undo {
  return before(prototype, 'emit', installation, (call: BaseServerCall, args: unknown[]) => {
    if (args[0] === 'cancelled') cancelTold(host, call);
  });
}

function cancelTold(host: Host, call: BaseServerCall): void {
  const operation = call[kOperation];
  if (operation !== undefined && !operation.isSettled) noteCancel(host, call, operation);
}

function noteCancel(host: Host, call: BaseServerCall, operation: Operation): void {
  host.cancel(operation, leaveEvidence(call));
  host.settle(operation, host.isEndTold(operation) ? serverSettlement(CANCELLED) : undefined);
}

function leaveEvidence(call: BaseServerCall): Evidence {
  const phase = serverPhase(call);
  const session = call[kSession];
  const shutdown = session?.[kShutdown];
  if (shutdown !== undefined) {
    return { kind: 'local', trigger: 'shutdown', reason: undefined, stack: shutdown, phase };
  }
  // Node gives the streams of a lost connection an error code too; it came from nobody.
  if (session === undefined || session.destroyed) return { kind: 'peer-gone', phase };
  return { kind: 'peer-reset', phase, rstCode: call.stream.rstCode };
}

/** The call ended while its request was read: by its time limit, or left by its client. */
export function noteEndBeforeHandler(host: Host, call: BaseServerCall, operation: Operation): void {
  if (call.deadline !== Number.POSITIVE_INFINITY && hasPassed(call.deadline)) {
    host.cancel(operation, {
      kind: 'local-timeout',
      trigger: 'deadline',
      reason: 'Deadline exceeded',
      stack: undefined,
      phase: 'read',
    });
    host.settle(operation, host.isEndTold(operation) ? serverSettlement(DEADLINE_EXCEEDED) : undefined);
  } else {
    noteCancel(host, call, operation);
  }
}

export function serverPhase(call: BaseServerCall): ServerPhase {
  return call.metadataSent ? 'write' : 'handle';
}

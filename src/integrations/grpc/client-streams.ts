/**
 * destroy() of a client's stream, by hand, by pipeline() or by leaving a for-await loop. grpc-js does not
 * cancel the call then: the server writes on, and no status ever comes.
 */
import type { Installation } from '../../hook/installation.ts';
import { after, before } from '../../hook/observe.ts';
import { type Undo, undoAll } from '../../hook/replace.ts';
import type { Host } from '../../integration.ts';
import type { StackTop } from '../../operation/captured-stack.ts';
import type { Evidence, Stack } from '../../operation/evidence.ts';
import type { Operation } from '../../operation/operation.ts';
import { clientPhase } from './client-phase.ts';
import { type ClientStream, callOf, isConnected, kOperation, type StreamClass } from './library.ts';

/** Who leaves a for-await loop over the stream. */
const kLeaving: unique symbol = Symbol('opentelemetry.cancellation.grpc.leaving');

interface LeavableStream extends ClientStream {
  readonly destroyed: boolean;
  readonly writableFinished?: boolean;
  [kLeaving]?: Stack;
}

export function watchStreams(moduleExports: unknown, host: Host, installation: Installation): Undo {
  const classes = moduleExports as Record<string, StreamClass>;
  const undos = [
    watchLoop(classes.ClientReadableStreamImpl, host, installation),
    watchLoop(classes.ClientDuplexStreamImpl, host, installation),
    watchDestroy(classes.ClientReadableStreamImpl, false, host, installation),
    watchDestroy(classes.ClientWritableStreamImpl, true, host, installation),
    watchDestroy(classes.ClientDuplexStreamImpl, false, host, installation),
  ];
  return () => undoAll(undos);
}

function watchDestroy(
  streamClass: StreamClass | undefined,
  isWriteOnly: boolean,
  host: Host,
  installation: Installation,
): Undo {
  if (streamClass === undefined) throw missing();
  return before(
    streamClass.prototype,
    'destroy',
    installation,
    (stream: LeavableStream, [error]: unknown[], above) => {
      // A writable destroys itself when all is written, while the answer is still to come.
      if (stream.destroyed || (isWriteOnly && stream.writableFinished)) return;
      abandon(host, installation, stream, error, above);
    },
  );
}

function abandon(
  host: Host,
  installation: Installation,
  stream: LeavableStream,
  error: unknown,
  above: StackTop,
): void {
  const call = callOf(stream);
  const operation = call?.[kOperation];
  if (call === undefined || operation === undefined || call.ended || operation.isSettled) return;
  const evidence: Evidence = {
    kind: 'local',
    trigger: 'destroy',
    reason: error ?? undefined,
    stack: stream[kLeaving] ?? host.captureStack(above),
    phase: clientPhase(call),
  };
  host.cancel(operation, evidence, isConnected(call));
  // Leaving a loop is often followed by cancel(), in the same tick or its microtasks, and that does reach
  // the server. The stream's own events, on which the official span ends, come in a later tick.
  process.nextTick(installation.guard(endAbandoned), host, operation);
}

function endAbandoned(host: Host, operation: Operation): void {
  if (operation.isSettled) return;
  host.addFinding(operation, 'cancel_not_sent', 'destroy() does not cancel the call: the server goes on');
  host.settle(operation);
}

/**
 * Leaving a for-await loop calls return() of the iterator, which destroys the stream a microtask later,
 * when whoever left is no longer on the stack.
 */
function watchLoop(streamClass: StreamClass | undefined, host: Host, installation: Installation): Undo {
  if (streamClass === undefined) throw missing();
  return after(
    streamClass.prototype,
    Symbol.asyncIterator,
    installation,
    (stream: LeavableStream, _args, iterator) => {
      before(iterator as object, 'return', installation, (_self, _nothing, above) => {
        stream[kLeaving] = host.captureStack(above);
      });
    },
  );
}

function missing(): TypeError {
  return new TypeError('a stream class of grpc-js is missing');
}

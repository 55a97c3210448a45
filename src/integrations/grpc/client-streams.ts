/**
 * destroy() of a client's stream, by hand, by pipeline() or by leaving a for-await loop. grpc-js does not
 * cancel the call then: the server writes on, and no status ever comes.
 */
import type { Installation } from '../../hook/installation.ts';
import { replaceFunction, type Undo, undoAll } from '../../hook/replace.ts';
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
  return replaceFunction(streamClass.prototype, 'destroy', (original) => {
    const { destroy } = {
      destroy(this: LeavableStream, ...args: unknown[]): unknown {
        if (!this.destroyed && installation.isActive) {
          try {
            // A writable destroys itself when all is written, while the answer is still to come.
            if (!(isWriteOnly && this.writableFinished)) abandon(host, installation, this, args[0], destroy);
          } catch (error) {
            installation.fault(error);
          }
        }
        return Reflect.apply(original, this, args);
      },
    };
    return destroy;
  });
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
  return replaceFunction(streamClass.prototype, Symbol.asyncIterator, (original) => {
    const { iterate } = {
      iterate(this: LeavableStream, ...args: unknown[]): unknown {
        const iterator: object = Reflect.apply(original, this, args);
        if (!installation.isActive) return iterator;
        try {
          watchReturn(this, iterator, host, installation);
        } catch (error) {
          installation.fault(error);
        }
        return iterator;
      },
    };
    return iterate;
  });
}

function watchReturn(stream: LeavableStream, iterator: object, host: Host, installation: Installation): void {
  replaceFunction(iterator, 'return', (original) => {
    const remember = installation.guard(() => {
      stream[kLeaving] = host.captureStack(leave);
    });
    const { leave } = {
      leave(this: unknown, ...args: unknown[]): unknown {
        if (installation.isActive) remember();
        return Reflect.apply(original, this, args);
      },
    };
    return leave;
  });
}

function missing(): TypeError {
  return new TypeError('a stream class of grpc-js is missing');
}

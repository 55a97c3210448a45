/**
 * destroy() of a client's stream, by hand, by pipeline() or by leaving a for-await loop. grpc-js does not
 * cancel the call then: the server writes on, and no status ever comes.
 */
import type { Installation } from '../../hook/installation.ts';
import { replaceFunction, type Undo, undoAll } from '../../hook/replace.ts';
import type { Host } from '../../integration.ts';
import type { StackTop } from '../../operation/captured-stack.ts';
import { clientPhase } from './client-phase.ts';
import { kOperation, type ResolvingCall } from './library.ts';

interface ClientStream {
  readonly destroyed: boolean;
  /** Interceptors, the innermost of which has the call itself. */
  readonly call?: Intercepting;
  readonly writableFinished?: boolean;
}

interface Intercepting {
  readonly nextCall?: Intercepting;
  readonly call?: ResolvingCall;
}

export function watchStreams(moduleExports: unknown, host: Host, installation: Installation): Undo {
  const classes = moduleExports as Record<string, { prototype: object }>;
  const undos = [
    watchDestroy(classes.ClientReadableStreamImpl, false, host, installation),
    watchDestroy(classes.ClientWritableStreamImpl, true, host, installation),
    watchDestroy(classes.ClientDuplexStreamImpl, false, host, installation),
  ];
  return () => undoAll(undos);
}

function watchDestroy(
  streamClass: { prototype: object } | undefined,
  isWriteOnly: boolean,
  host: Host,
  installation: Installation,
): Undo {
  if (streamClass === undefined) throw new TypeError('a stream class of grpc-js is missing');
  return replaceFunction(streamClass.prototype, 'destroy', (original) => {
    const { destroy } = {
      destroy(this: ClientStream, ...args: unknown[]): unknown {
        if (!this.destroyed && installation.isActive) {
          try {
            // A writable destroys itself when all is written, while the answer is still to come.
            if (!(isWriteOnly && this.writableFinished)) abandon(host, this, args[0], destroy);
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

function abandon(host: Host, stream: ClientStream, error: unknown, above: StackTop): void {
  let intercepting = stream.call;
  while (intercepting?.nextCall !== undefined) intercepting = intercepting.nextCall;
  const call = intercepting?.call;
  const operation = call?.[kOperation];
  if (call === undefined || operation === undefined || call.ended || operation.isSettled) return;
  host.cancel(operation, {
    kind: 'local',
    trigger: 'destroy',
    reason: error ?? undefined,
    stack: host.captureStack(above),
    phase: clientPhase(call),
  });
  // Leaving a loop is often followed by cancel(), which does reach the server.
  setImmediate(() => {
    if (operation.isSettled) return;
    host.addFinding(operation, 'cancel_not_sent', 'destroy() does not cancel the call: the server goes on');
    host.settle(operation);
  });
}

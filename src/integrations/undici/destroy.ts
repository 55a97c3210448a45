/** Who destroys a dispatcher, and with it what it has in flight or in its queue. */
import type { Installation } from '../../hook/installation.ts';
import { replaceFunction, type Undo } from '../../hook/replace.ts';
import type { Host } from '../../integration.ts';
import type { StackTop } from '../../operation/captured-stack.ts';
import { reportCall } from './call-end.ts';
import { rememberDestroy } from './destroy-error.ts';
import { type Dispatcher, waitingIn } from './pool-queue.ts';
import { unwatchSignal } from './signals.ts';

export function watchDestroy(prototype: object, host: Host, installation: Installation): Undo {
  return replaceFunction(prototype, 'destroy', (original) => {
    const { destroy } = {
      destroy(this: Dispatcher, ...args: unknown[]): unknown {
        if (!installation.isActive || this.destroyed) return Reflect.apply(original, this, args);
        try {
          dispatcherDestroyed(host, this, args[0], destroy);
        } catch (error) {
          installation.fault(error);
        }
        return Reflect.apply(original, this, args);
      },
    };
    return destroy;
  });
}

function dispatcherDestroyed(host: Host, dispatcher: Dispatcher, error: unknown, above: StackTop): void {
  const stack = host.captureStack(above);
  rememberDestroy(error, stack);
  for (const call of waitingIn(dispatcher)) {
    if (call.signal !== undefined) unwatchSignal(call.signal, call);
    const reason = typeof error === 'function' ? undefined : error;
    reportCall(host, call, reason, (connecting) => {
      return { kind: 'local', trigger: 'destroy', phase: connecting ?? 'queued', reason, stack };
    });
  }
}

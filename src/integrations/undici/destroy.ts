/** Who destroys a dispatcher, and with it what it has in flight or in its queue. */
import type { Installation } from '../../hook/installation.ts';
import { before } from '../../hook/observe.ts';
import type { Undo } from '../../hook/replace.ts';
import type { Host } from '../../integration.ts';
import type { StackTop } from '../../operation/captured-stack.ts';
import { reportCall } from './call-end.ts';
import { rememberDestroy } from './destroy-error.ts';
import { type Dispatcher, waitingIn } from './pool-queue.ts';
import { unwatchSignal } from './signals.ts';

export function watchDestroy(prototype: object, host: Host, installation: Installation): Undo {
  return before(prototype, 'destroy', installation, (dispatcher: Dispatcher, [error]: unknown[], above) => {
    if (!dispatcher.destroyed) dispatcherDestroyed(host, dispatcher, error, above);
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

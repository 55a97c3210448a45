/**
 * The signal of a request. ClientRequest takes it out of its options before any agent sees them, so it
 * is noticed where Node listens to it: in the method by which an AbortSignal hears of new listeners.
 * That method is private to Node; without it a request is recorded as if it had no signal, and an abort
 * is explained by its reason.
 */
import type { Installation } from '../../hook/installation.ts';
import { replaceFunction, type Undo } from '../../hook/replace.ts';
import type { OutgoingRequest } from './internals.ts';

/** The last signal that somebody started to listen to, once. Weak: whoever it was need not have made a request. */
let lastSignal: WeakRef<AbortSignal> | undefined;
/** True from then on until a request has asked. */
let isNews = false;

export function watchSignals(installation: Installation): Undo {
  const key = Object.getOwnPropertySymbols(AbortSignal.prototype).find(
    ({ description }) => description === 'kNewListener',
  );
  if (key === undefined) return () => {};
  return replaceFunction(AbortSignal.prototype, key, (original) => {
    const { newListener } = {
      newListener(this: AbortSignal, ...args: unknown[]): unknown {
        // (size, type, listener, once, capture, passive, weak): Node's own listeners are called once.
        if (args[3] === true && installation.isActive && args[1] === 'abort') {
          // A reference costs more than a look: a signal that many requests share gets one.
          if (lastSignal?.deref() !== this) lastSignal = new WeakRef(this);
          isNews = true;
        }
        return Reflect.apply(original, this, args);
      },
    };
    return newListener;
  });
}

/**
 * The signal of a request that is under construction. Right after listening to it Node puts listeners
 * on the request; a request without them has no signal, whatever was listened to before.
 */
export function takeSignal(request: OutgoingRequest): AbortSignal | undefined {
  if (!isNews) return undefined;
  isNews = false;
  return request.listenerCount('close') > 0 ? lastSignal?.deref() : undefined;
}

/**
 * The signals of calls in flight. Where Node tells the listeners of one that it is aborted, in dispatchEvent(), so are we:
 * the application finds no listener of ours. A signal of another realm or of a polyfill does without: of that an abort is
 * seen when undici itself reacts to it.
 */
import { during } from '../../hook/observe.ts';
import type { Undo } from '../../hook/replace.ts';
import type { Call } from './call.ts';
import type { Watch } from './watch.ts';

/** Also of timeout signals, of composite ones and of those that were transferred from another thread. */
export function watchSignals(
  watch: Watch,
  onAbort: (watch: Watch, call: Call, signal: AbortSignal) => void,
): Undo {
  const { signals, installation } = watch;
  // Each by itself: one that fails does not keep the others from being told.
  const tell = installation.guard(onAbort);
  return during(AbortSignal.prototype, 'dispatchEvent', installation, (signal: AbortSignal) => {
    const calls = signals.get(signal);
    // An application may dispatch an 'abort' event of its own.
    if (calls === undefined || !signal.aborted) return undefined;
    return () => {
      signals.delete(signal);
      for (const call of calls) tell(watch, call, signal);
    };
  });
}

/** Idempotent. */
export function watchSignal({ signals }: Watch, signal: AbortSignal, call: Call): void {
  const calls = signals.get(signal);
  if (calls === undefined) signals.set(signal, new Set([call]));
  else calls.add(call);
}

export function unwatchSignal({ signals }: Watch, signal: AbortSignal, call: Call): void {
  const calls = signals.get(signal);
  if (calls?.delete(call) && calls.size === 0) signals.delete(signal);
}

/** Whatever undici takes for a signal: also one of another realm, or of a polyfill. */
export function isSignal(value: unknown): value is AbortSignal {
  // Most have none: an error that is thrown and caught costs microseconds.
  if (value === undefined || value === null) return false;
  try {
    if (value instanceof AbortSignal) return true;
    const { aborted, addEventListener } = value as Partial<AbortSignal>;
    return typeof aborted === 'boolean' && typeof addEventListener === 'function';
  } catch {
    return false; // no object, or one that does not let itself be looked at
  }
}

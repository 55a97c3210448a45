/** One listener for each signal, however many calls share it; none when the last of them is over. */
import { getMaxListeners, setMaxListeners } from 'node:events';
import type { Call } from './call.ts';
import type { Watch } from './watch.ts';

type OnAbort = (watch: Watch, call: Call, signal: AbortSignal) => void;

export class SignalWatch {
  readonly calls: Map<Call, OnAbort> = new Map();
  /** The limit of listeners that we raised by one, for ours not to be the one that sets off Node's warning. */
  readonly maxListeners: number;
  readonly listener: () => void;

  constructor(maxListeners: number, listener: () => void) {
    this.maxListeners = maxListeners;
    this.listener = listener;
  }
}

/** Idempotent. */
export function watchSignal(watch: Watch, signal: AbortSignal, call: Call, onAbort: OnAbort): void {
  const { signals, installation } = watch;
  let watched = signals.get(signal);
  if (watched === undefined) {
    const maxListeners = getMaxListeners(signal);
    if (maxListeners > 0) setMaxListeners(maxListeners + 1, signal);
    watched = new SignalWatch(
      maxListeners,
      installation.guard(() => aborted(watch, signal)),
    );
    signals.set(signal, watched);
    signal.addEventListener('abort', watched.listener);
  }
  // Each by itself: one that fails does not keep the others from being told.
  watched.calls.set(call, installation.guard(onAbort));
}

export function unwatchSignal(watch: Watch, signal: AbortSignal, call: Call): void {
  const watched = watch.signals.get(signal);
  if (watched?.calls.delete(call) && watched.calls.size === 0) stop(watch, signal, watched);
}

export function forgetSignals(watch: Watch): void {
  for (const [signal, watched] of watch.signals) stop(watch, signal, watched);
}

function stop(watch: Watch, signal: AbortSignal, { listener, maxListeners }: SignalWatch): void {
  watch.signals.delete(signal);
  signal.removeEventListener('abort', listener);
  if (maxListeners > 0 && getMaxListeners(signal) === maxListeners + 1) setMaxListeners(maxListeners, signal);
}

function aborted(watch: Watch, signal: AbortSignal): void {
  const watched = watch.signals.get(signal);
  // An application may dispatch an 'abort' event of its own.
  if (watched === undefined || !signal.aborted) return;
  stop(watch, signal, watched);
  for (const [call, onAbort] of watched.calls) onAbort(watch, call, signal);
}

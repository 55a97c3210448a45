/** One listener for each signal, however many calls share it; none when the last of them is over. */
import { getMaxListeners, setMaxListeners } from 'node:events';
import type { Installation } from '../../hook/installation.ts';
import type { Call } from './call.ts';

type OnAbort = (call: Call, signal: AbortSignal) => void;

class Watch {
  readonly calls = new Map<Call, OnAbort>();
  /** The limit of listeners that we raised by one, for ours not to be the one that sets off Node's warning. */
  readonly maxListeners: number;
  readonly listener: () => void;

  constructor(maxListeners: number, listener: () => void) {
    this.maxListeners = maxListeners;
    this.listener = listener;
  }
}

/** Keeps signals alive as long as undici's own listeners do. */
const watches = new Map<AbortSignal, Watch>();

/** Idempotent. */
export function watchSignal(
  installation: Installation,
  signal: AbortSignal,
  call: Call,
  onAbort: OnAbort,
): void {
  let watch = watches.get(signal);
  if (watch === undefined) {
    const maxListeners = getMaxListeners(signal);
    if (maxListeners > 0) setMaxListeners(maxListeners + 1, signal);
    watch = new Watch(maxListeners, installation.guard(onAborted));
    watches.set(signal, watch);
    signal.addEventListener('abort', watch.listener);
  }
  // Each by itself: one that fails does not keep the others from being told.
  watch.calls.set(call, installation.guard(onAbort));
}

export function unwatchSignal(signal: AbortSignal, call: Call): void {
  const watch = watches.get(signal);
  if (watch?.calls.delete(call) && watch.calls.size === 0) stop(signal, watch);
}

export function forgetSignals(): void {
  for (const [signal, watch] of watches) stop(signal, watch);
}

function stop(signal: AbortSignal, watch: Watch): void {
  watches.delete(signal);
  signal.removeEventListener('abort', watch.listener);
  const { maxListeners } = watch;
  if (maxListeners > 0 && getMaxListeners(signal) === maxListeners + 1) setMaxListeners(maxListeners, signal);
}

function onAborted(this: AbortSignal): void {
  const watch = watches.get(this);
  // An application may dispatch an 'abort' event of its own.
  if (watch === undefined || !this.aborted) return;
  stop(this, watch);
  for (const [call, onAbort] of watch.calls) onAbort(call, this);
}

/**
 * The signal of a request. ClientRequest takes it out of its options before any agent sees them, so it
 * is noticed where Node listens to it: in the method by which an AbortSignal hears of new listeners.
 * That method is private to Node; without it a request is recorded as if it had no signal, and an abort
 * is explained by its reason.
 */
import { setTimeout } from 'node:timers';
import type { Installation } from '../../hook/installation.ts';
import { before } from '../../hook/observe.ts';
import type { Undo } from '../../hook/replace.ts';
import type { OutgoingRequest } from './internals.ts';

/** How long a signal may be held that somebody listened to who made no request, in ms. */
const FORGET_AFTER_MS = 1_000;

/** The last signal that somebody started to listen to, once, until a request has asked for it. */
let lastSignal: AbortSignal | undefined;
/** Runs seldom: a WeakRef for each signal costs more than all else that is done for a request with one. */
let isToBeForgotten = false;

export function watchSignals(installation: Installation): Undo {
  const key = Object.getOwnPropertySymbols(AbortSignal.prototype).find(
    ({ description }) => description === 'kNewListener',
  );
  if (key === undefined) return () => {};
  return before(AbortSignal.prototype, key, installation, (signal: AbortSignal, args: unknown[]) => {
    // (size, type, listener, once, capture, passive, weak): Node's own listeners are called once.
    if (args[3] !== true || args[1] !== 'abort') return;
    lastSignal = signal;
    if (!isToBeForgotten) forgetLater(installation);
  });
}

/**
 * The signal of a request that is under construction. Right after listening to it Node puts listeners
 * on the request; a request without them has no signal, whatever was listened to before.
 */
export function takeSignal(request: OutgoingRequest): AbortSignal | undefined {
  const signal = lastSignal;
  lastSignal = undefined;
  return signal !== undefined && request.listenerCount('close') > 0 ? signal : undefined;
}

function forgetLater(installation: Installation): void {
  isToBeForgotten = true;
  setTimeout(installation.guard(forget), FORGET_AFTER_MS).unref();
}

function forget(): void {
  isToBeForgotten = false;
  lastSignal = undefined;
}

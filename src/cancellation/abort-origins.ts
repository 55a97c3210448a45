/**
 * Remembers who called abort() and who made a timeout signal, so that an operation which hears of it
 * through a signal, at once, later, or when it is started with a signal long aborted, can name the line.
 */
import type { Stack } from '../operation/evidence.ts';
import type { Deadline } from '../operation/operation.ts';
import { isTimerOfLibrary } from './origin.ts';
import { isAbortError, isErrorLike, isTimeoutError, reasonOf, stackOf } from './reason.ts';

export interface SignalStory {
  readonly reason: unknown;
  /** True when a time limit fired: AbortSignal.timeout(), or a reason that is a TimeoutError. */
  readonly isTimeout: boolean;
  /** Of the caller of abort(), or of the call that made the timeout signal. */
  readonly stack: Stack | undefined;
}

/** The time limit that is in an AbortSignal.timeout(). */
export interface SignalLimit {
  /** On the clock of performance.now(), in ms. */
  readonly atMs: number;
  /** Of the call that made the signal, when stacks of deadlines are wanted. */
  readonly stack: Stack | undefined;
}

/** A property of the signal, whoever asks: known to all instances, so that signals of our own need none. */
const limits = new WeakMap<AbortSignal, SignalLimit>();

export function rememberSignalLimit(signal: AbortSignal, limit: SignalLimit): void {
  limits.set(signal, limit);
}

export interface AbortInProgress {
  readonly signal: AbortSignal;
  readonly by: AbortedBy;
}

/** Must not lead to the signal, for which it is kept. */
interface AbortedBy {
  readonly stack: Stack | undefined;
  /** A timeout signal has fired, and its listener called abort(). */
  readonly isTimeout: boolean;
}

export class AbortOrigins {
  readonly #abortedBy = new WeakMap<AbortSignal, AbortedBy>();
  /** Composite signals share the reason object of their source, so the reason leads to the caller too. */
  readonly #reasonGivenBy = new WeakMap<object, AbortedBy>();
  /** Composite signals that were born aborted: they keep no trace of their source. */
  readonly #bornAborted = new WeakMap<AbortSignal, SignalStory>();
  #abortInProgress: AbortInProgress | undefined;

  /** abort() is being called; what it sets off runs inside of it. Returns what to hand to leaveAbort(). */
  enterAbort(signal: AbortSignal, stack: Stack): AbortInProgress | undefined {
    const outer = this.#abortInProgress;
    this.#abortInProgress = { signal, by: this.#passOn(stack) };
    return outer;
  }

  /** The limit of a timeout signal has passed. Otherwise as enterAbort(). @param stack of the call that made it */
  enterTimeout(signal: AbortSignal, stack: Stack | undefined): AbortInProgress | undefined {
    const outer = this.#abortInProgress;
    this.#abortInProgress = { signal, by: { stack, isTimeout: true } };
    return outer;
  }

  leaveAbort(outer: AbortInProgress | undefined): void {
    this.#abortInProgress = outer;
  }

  /** After leaveAbort(). */
  rememberAbort(signal: AbortSignal, stack: Stack): void {
    const by = this.#passOn(stack);
    this.#abortedBy.set(signal, by);
    this.#rememberReason(reasonOf(signal), by);
  }

  /** The limit of a timeout signal has passed. @param stack of the call that made it */
  rememberTimeout(reason: unknown, stack: Stack | undefined): void {
    this.#rememberReason(reason, { stack, isTimeout: true });
  }

  #rememberReason(reason: unknown, by: AbortedBy): void {
    if (typeof reason === 'object' && reason !== null && !this.#reasonGivenBy.has(reason))
      this.#reasonGivenBy.set(reason, by);
  }

  /** AbortSignal.any() returned a signal that is aborted already, because `source` was. */
  rememberBornAborted(signal: AbortSignal, source: AbortSignal): void {
    this.#bornAborted.set(signal, this.explain(source, reasonOf(source)));
  }

  get isInProgress(): boolean {
    return this.#abortInProgress !== undefined;
  }

  /** The abort on whose stack this is asked, as for a listener that cancels something by itself. */
  inProgress(): SignalStory | undefined {
    const abort = this.#abortInProgress;
    return abort && storyOf(reasonOf(abort.signal), abort.by);
  }

  /** What an abort with this reason, heard through this signal (when it is known), goes back to. */
  explain(signal: AbortSignal | undefined, reason: unknown): SignalStory {
    return (signal && this.#explainSignal(signal, reason)) ?? this.#explainReason(reason);
  }

  /** The abort that an error is the reason of, or that of Node in which the reason is the cause. Undefined for any other. */
  abortOf(error: unknown): SignalStory | undefined {
    if (!isErrorLike(error)) return undefined;
    const by = this.#reasonGivenBy.get(error);
    if (by !== undefined) return storyOf(error, by);
    return isAbortError(error) ? this.abortOf(error.cause) : undefined;
  }

  /** The earliest time limit among the timeout signals that `signal` is or is made of. */
  limitOf(signal: AbortSignal): SignalLimit | undefined {
    let earliest = limits.get(signal);
    if (earliest !== undefined) return earliest;
    for (const source of sourcesOf(signal)) {
      const limit = limits.get(source);
      if (limit !== undefined && (earliest === undefined || limit.atMs < earliest.atMs)) earliest = limit;
    }
    return earliest;
  }

  /** The same for an operation that started then; of it and another limit of the operation the earlier one counts. */
  deadlineOf(signal: AbortSignal, startedAtMs: number): Deadline | undefined {
    const limit = this.limitOf(signal);
    return limit && { ...limit, timeoutMs: limit.atMs - startedAtMs, source: 'signal' };
  }

  #explainSignal(signal: AbortSignal, reason: unknown): SignalStory | undefined {
    const limit = limits.get(signal);
    // A signal with a limit may be aborted before it, as one of currentSignal() when the client leaves.
    if (limit !== undefined && isTimeoutError(reason)) return { reason, isTimeout: true, stack: limit.stack };
    const born = this.#bornAborted.get(signal);
    if (born !== undefined) return born;
    const abortedBy = this.#abortedBy.get(signal);
    if (abortedBy !== undefined) return storyOf(reason, abortedBy);
    for (const source of sourcesOf(signal)) {
      // Another source may have been aborted since, but this reason is that of the first.
      if (source.aborted && Object.is(reasonOf(source), reason)) return this.#explainSignal(source, reason);
    }
    return undefined;
  }

  #explainReason(reason: unknown): SignalStory {
    const isObject = typeof reason === 'object' && reason !== null;
    const givenBy = isObject ? this.#reasonGivenBy.get(reason)?.stack : undefined;
    // The default reason is a DOMException made inside of abort(), so its own stack holds the caller.
    const stack = givenBy ?? stackOf(reason);
    return storyOf(reason, this.#abortInProgress?.by ?? { stack, isTimeout: false });
  }

  /** An abort() that a timeout signal set off is a matter of that one's limit. */
  #passOn(stack: Stack): AbortedBy {
    const outer = this.#abortInProgress?.by;
    return outer?.isTimeout ? { stack: outer.stack ?? stack, isTimeout: true } : { stack, isTimeout: false };
  }
}

function storyOf(reason: unknown, { stack, isTimeout }: AbortedBy): SignalStory {
  return {
    reason,
    isTimeout: isTimeout || isTimeoutError(reason) || (isAbortError(reason) && isTimerOfLibrary(stack)),
    stack,
  };
}

/** Node's private symbol: looked for once, since most signals are not composed and do not have it. */
const SOURCES_KEY = Object.getOwnPropertySymbols(
  // Test environments put classes of their own into the place of the globals, some without it.
  AbortSignal.any?.([new AbortController().signal]) ?? {},
).find(({ description }) => description === 'kSourceSignals');

/**
 * The signals that an AbortSignal.any() was made of. Node keeps them under a private symbol as WeakRefs;
 * without it (another realm, a polyfill) the reason has to do.
 */
function* sourcesOf(signal: AbortSignal): Iterable<AbortSignal> {
  const sources: unknown = SOURCES_KEY && Reflect.get(signal, SOURCES_KEY);
  // Node's own Set and WeakRef, which inherit from nothing: instanceof does not know them.
  if (typeof sources !== 'object' || sources === null || !(Symbol.iterator in sources)) return;
  for (const reference of sources as Iterable<Partial<WeakRef<AbortSignal>>>) {
    const source = reference.deref?.();
    if (source !== undefined) yield source;
  }
}

/**
 * AbortController and AbortSignal: remembers who calls abort() and who makes a timeout signal, and notices
 * when its limit passes.
 *
 * Limitations. A signal that was aborted or made before this was installed, or in another realm, is
 * explained by its reason alone: an Error's own stack, otherwise nothing. An application can tell the
 * replaced functions from Node's only by their source text, by one frame in the default reason's stack, and
 * by dispatchEvent(), which is now AbortSignal's own.
 */

import { rememberSignalLimit } from '../../cancellation/abort-origins.ts';
import type { Installation } from '../../hook/installation.ts';
import { replaceFunction, type Undo, undoAll } from '../../hook/replace.ts';
import type { Host, Integration } from '../../integration.ts';

export const abortIntegration: Integration = {
  name: 'abort',
  install(host, installation) {
    const undos = [
      watchAbort(host, installation),
      watchTimeout(host, installation),
      watchFiring(host, installation),
      watchAny(host, installation),
    ];
    return () => undoAll(undos);
  },
};

// Each replacement is written as a method, like what it replaces: no prototype property, no constructor.

function watchAbort(host: Host, installation: Installation): Undo {
  const { abortOrigins } = host;
  // Not `controller.signal`, which a subclass may have replaced.
  const getSignal = Object.getOwnPropertyDescriptor(AbortController.prototype, 'signal')?.get;
  return replaceFunction(AbortController.prototype, 'abort', (original) => {
    const { abort } = {
      abort(this: AbortController, ...args: unknown[]): unknown {
        if (!installation.isActive) return Reflect.apply(original, this, args);
        const signal = pendingSignal(this, getSignal);
        const stack = signal && attempt(installation, () => host.captureStack(abort));
        if (signal === undefined || stack === undefined) return Reflect.apply(original, this, args);
        const outer = abortOrigins.enterAbort(signal, stack);
        try {
          return Reflect.apply(original, this, args);
        } finally {
          abortOrigins.leaveAbort(outer);
          abortOrigins.rememberAbort(signal, stack);
        }
      },
    };
    return abort;
  });
}

function watchTimeout(host: Host, installation: Installation): Undo {
  return replaceFunction(AbortSignal, 'timeout', (original) => {
    const { timeout } = {
      timeout(this: unknown, ...args: unknown[]): unknown {
        const signal: unknown = Reflect.apply(original, this, args);
        if (installation.isActive && signal instanceof AbortSignal) {
          attempt(installation, () => {
            const atMs = performance.now() + Number(args[0]);
            rememberSignalLimit(signal, { atMs, stack: host.captureDeadlineStack(timeout) });
          });
        }
        return signal;
      },
    };
    return timeout;
  });
}

/**
 * A timeout signal fires without any call that could be seen: Node dispatches the event by itself, by this
 * method. Who hears of it may be a library that cancels something and says no more of why.
 */
function watchFiring(host: Host, installation: Installation): Undo {
  const { abortOrigins } = host;
  return replaceFunction(AbortSignal.prototype, 'dispatchEvent', (original) => {
    const { dispatchEvent } = {
      dispatchEvent(this: AbortSignal, ...args: unknown[]): unknown {
        if (!installation.isActive || abortOrigins.isInProgress) {
          return Reflect.apply(original, this, args);
        }
        const story = attempt(installation, () =>
          isAborted(this) ? abortOrigins.explain(this, this.reason) : undefined,
        );
        if (!story?.isTimeout) return Reflect.apply(original, this, args);
        const outer = abortOrigins.enterTimeout(this, story.stack);
        try {
          return Reflect.apply(original, this, args);
        } finally {
          abortOrigins.leaveAbort(outer);
        }
      },
    };
    return dispatchEvent;
  });
}

function watchAny(host: Host, installation: Installation): Undo {
  return replaceFunction(AbortSignal, 'any', (original) => {
    const { any } = {
      any(this: unknown, ...args: unknown[]): unknown {
        const signal: unknown = Reflect.apply(original, this, args);
        if (installation.isActive && signal instanceof AbortSignal && signal.aborted) {
          attempt(installation, () => {
            const source = firstAborted(args[0]);
            if (source !== undefined) host.abortOrigins.rememberBornAborted(signal, source);
          });
        }
        return signal;
      },
    };
    return any;
  });
}

function attempt<T>(installation: Installation, ours: () => T): T | undefined {
  try {
    return ours();
  } catch (error) {
    installation.fault(error);
    return undefined;
  }
}

/** Undefined also for a `this` that is no AbortController: then the original throws, as it should. */
function pendingSignal(
  controller: unknown,
  getSignal: (() => AbortSignal) | undefined,
): AbortSignal | undefined {
  if (getSignal === undefined || !(controller instanceof AbortController)) return undefined;
  try {
    const signal = Reflect.apply(getSignal, controller, []);
    return signal.aborted ? undefined : signal;
  } catch {
    return undefined;
  }
}

function isAborted(signal: unknown): boolean {
  try {
    return signal instanceof AbortSignal && signal.aborted;
  } catch {
    return false; // an object made of the prototype
  }
}

function firstAborted(signals: unknown): AbortSignal | undefined {
  // Only arrays: a one-shot iterable has been used up by the original.
  if (!Array.isArray(signals)) return undefined;
  return signals.find((signal): signal is AbortSignal => signal instanceof AbortSignal && signal.aborted);
}

/**
 * AbortController and AbortSignal: remembers who calls abort() and who makes a timeout signal, and notices
 * when its limit passes. And who leaves a `for await` loop, which ends things as well, without a signal.
 *
 * Limitations. A signal that was aborted or made before this was installed, or in another realm, is
 * explained by its reason alone: an Error's own stack, otherwise nothing. An application can tell the
 * replaced functions from Node's only by their source text, by one frame in the default reason's stack, and
 * by dispatchEvent(), which is now AbortSignal's own.
 */

import { rememberSignalLimit } from '../../cancellation/abort-origins.ts';
import { reasonOf } from '../../cancellation/reason.ts';
import type { Installation } from '../../hook/installation.ts';
import { after, during } from '../../hook/observe.ts';
import { type Undo, undoAll } from '../../hook/replace.ts';
import type { Host } from '../../host.ts';
import type { Integration } from '../../integration.ts';
import { watchLoops } from './loops.ts';

export const abortIntegration: Integration = {
  name: 'abort',
  isPassive: true,
  install(host, installation) {
    const undos = [
      watchAbort(host, installation),
      watchTimeout(host, installation),
      watchFiring(host, installation),
      watchAny(host, installation),
      watchLoops(host, installation),
    ];
    return () => undoAll(undos);
  },
};

function watchAbort(host: Host, installation: Installation): Undo {
  const { abortOrigins } = host;
  // Not `controller.signal`, which a subclass may have replaced.
  const getSignal = Object.getOwnPropertyDescriptor(AbortController.prototype, 'signal')?.get;
  return during(AbortController.prototype, 'abort', installation, (self, _args, above) => {
    const signal = pendingSignal(self, getSignal);
    if (signal === undefined) return undefined;
    const stack = host.captureStack(above);
    const outer = abortOrigins.enterAbort(signal, stack);
    return () => {
      abortOrigins.leaveAbort(outer);
      abortOrigins.rememberAbort(signal, stack);
    };
  });
}

function watchTimeout(host: Host, installation: Installation): Undo {
  return after(AbortSignal, 'timeout', installation, (_self, args, signal, above) => {
    if (!(signal instanceof AbortSignal)) return;
    const atMs = performance.now() + Number(args[0]);
    rememberSignalLimit(signal, { atMs, stack: host.captureDeadlineStack(above) });
  });
}

/**
 * A timeout signal fires without any call that could be seen: Node dispatches the event by itself, by this
 * method. Who hears of it may be a library that cancels something and says no more of why.
 */
function watchFiring(host: Host, installation: Installation): Undo {
  const { abortOrigins } = host;
  return during(AbortSignal.prototype, 'dispatchEvent', installation, (self) => {
    if (abortOrigins.isInProgress || !isAborted(self)) return undefined;
    const story = abortOrigins.explain(self, reasonOf(self));
    if (!story.isTimeout) return undefined;
    abortOrigins.rememberTimeout(story.reason, story.stack);
    const outer = abortOrigins.enterTimeout(self, story.stack);
    const answered = host.limitPasses(story);
    return () => {
      abortOrigins.leaveAbort(outer);
      answered?.();
    };
  });
}

function watchAny(host: Host, installation: Installation): Undo {
  return after(AbortSignal, 'any', installation, (_self, args, signal) => {
    if (!(signal instanceof AbortSignal) || !signal.aborted) return;
    const source = firstAborted(args[0]);
    if (source !== undefined) host.abortOrigins.rememberBornAborted(signal, source);
  });
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

function isAborted(signal: unknown): signal is AbortSignal {
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

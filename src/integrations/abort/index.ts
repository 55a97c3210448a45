/**
 * AbortController and AbortSignal: remembers who calls abort() and who makes a timeout signal.
 *
 * Limitations. A signal that was aborted or made before this was installed, or in another realm, is
 * explained by its reason alone: an Error's own stack, otherwise nothing. An application can tell the
 * replaced functions from Node's only by their source text, and by one frame in the default reason's stack.
 */

import type { Installation } from '../../hook/installation.ts';
import { replaceFunction, type Undo, undoAll } from '../../hook/replace.ts';
import type { Host, Integration } from '../../integration.ts';

export const abortIntegration: Integration = {
  name: 'abort',
  install(host, installation) {
    const undos = [
      watchAbort(host, installation),
      watchTimeout(host, installation),
      watchAny(host, installation),
    ];
    return () => undoAll(undos);
  },
};

// Each replacement is written as a method, like what it replaces: no prototype property, no constructor.

function watchAbort(host: Host, installation: Installation): Undo {
  const { abortOrigins } = host;
  return replaceFunction(AbortController.prototype, 'abort', (original) => {
    const { abort } = {
      abort(this: AbortController, ...args: unknown[]): unknown {
        if (!installation.isActive || !isPending(this)) return Reflect.apply(original, this, args);
        const stack = host.captureStack(abort);
        const outer = abortOrigins.enterAbort(stack);
        try {
          return Reflect.apply(original, this, args);
        } finally {
          abortOrigins.leaveAbort(outer);
          abortOrigins.rememberAbort(this.signal, stack);
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
          const atMs = performance.now() + Number(args[0]);
          host.abortOrigins.rememberTimeout(signal, { atMs, stack: host.captureDeadlineStack(timeout) });
        }
        return signal;
      },
    };
    return timeout;
  });
}

function watchAny(host: Host, installation: Installation): Undo {
  return replaceFunction(AbortSignal, 'any', (original) => {
    const { any } = {
      any(this: unknown, ...args: unknown[]): unknown {
        const signal: unknown = Reflect.apply(original, this, args);
        if (installation.isActive && signal instanceof AbortSignal && signal.aborted) {
          const source = firstAborted(args[0]);
          if (source !== undefined) host.abortOrigins.rememberBornAborted(signal, source);
        }
        return signal;
      },
    };
    return any;
  });
}

/** False also for a `this` that is no AbortController: then the original throws, as it should. */
function isPending(controller: unknown): controller is AbortController {
  return controller instanceof AbortController && !controller.signal.aborted;
}

function firstAborted(signals: unknown): AbortSignal | undefined {
  // Only arrays: a one-shot iterable has been used up by the original.
  if (!Array.isArray(signals)) return undefined;
  return signals.find((signal): signal is AbortSignal => signal instanceof AbortSignal && signal.aborted);
}

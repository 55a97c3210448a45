/** Sees what a handler of the core API does with a stream that was cancelled. */
import type { Installation } from '../../hook/installation.ts';
import { disguise } from '../../hook/replace.ts';
import type { Host } from '../../integration.ts';
import type { Operation } from '../../operation/operation.ts';
import type { Stream } from './internals.ts';

/** Put on when the stream was cancelled, so nobody pays for it before. */
export function watchLateAnswers(
  host: Host,
  installation: Installation,
  stream: Stream,
  operation: Operation,
): void {
  // A response of the compatibility API: it is watched itself.
  if (operation.answer !== undefined) return;
  // Not at once: Node is about to end the stream by itself.
  const watch = installation.guard(() => {
    for (const name of ['respond', 'write', 'end'] as const) {
      const see = installation.guard(() => host.lateWrite(operation, name === 'end'));
      shadow(stream, name, see);
    }
  });
  process.nextTick(watch);
}

/** Node refuses respond() now, by an exception, and ignores the others. */
function shadow(stream: Stream, name: 'respond' | 'write' | 'end', see: () => void): void {
  const original = stream[name] as (...args: unknown[]) => unknown;
  const replacement = function (this: unknown, ...args: unknown[]): unknown {
    see();
    return Reflect.apply(original, this, args);
  };
  disguise(replacement, original);
  Object.defineProperty(stream, name, {
    value: replacement,
    configurable: true,
    writable: true,
    enumerable: false,
  });
}

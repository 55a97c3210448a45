/** Sees what a handler of the core API does with a stream that was cancelled. */
import { disguise } from '../../hook/replace.ts';
import type { Host } from '../../integration.ts';
import type { Operation } from '../../operation/operation.ts';
import type { Stream } from './internals.ts';

/** Put on when the stream was cancelled, so nobody pays for it before. */
export function watchLateAnswers(host: Host, stream: Stream, operation: Operation): void {
  // A response of the compatibility API: it is watched itself.
  if (operation.answer !== undefined) return;
  // Not at once: Node is about to end the stream by itself.
  process.nextTick(() => {
    for (const name of ['respond', 'write', 'end'] as const) shadow(host, stream, operation, name);
  });
}

/** Node refuses respond() now, by an exception, and ignores the others. */
function shadow(host: Host, stream: Stream, operation: Operation, name: 'respond' | 'write' | 'end'): void {
  const original = stream[name] as (...args: unknown[]) => unknown;
  const replacement = function (this: unknown, ...args: unknown[]): unknown {
    host.lateWrite(operation, name === 'end');
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

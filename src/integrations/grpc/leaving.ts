/**
 * Leaving a for-await loop over the stream of a call, on either side, calls return() of the iterator, which destroys the
 * stream a microtask later, when whoever left is no longer on the stack.
 */
import type { Installation } from '../../hook/installation.ts';
import { after, before } from '../../hook/observe.ts';
import type { Undo } from '../../hook/replace.ts';
import type { Host } from '../../integration.ts';
import type { StackTop } from '../../operation/captured-stack.ts';
import type { Evidence, Phase } from '../../operation/evidence.ts';
import { type CallStream, kLeaving } from './internals.ts';

/** @param prototype of a stream that can be read */
export function watchLeaving(prototype: object, host: Host, installation: Installation): Undo {
  return after(prototype, Symbol.asyncIterator, installation, (stream: CallStream, _args, iterator) => {
    before(iterator as object, 'return', installation, (_self, _nothing, above) => {
      stream[kLeaving] = host.captureStack(above);
    });
  });
}

/** This process destroys the stream, from whatever is on the stack. */
export function whyDestroyed(
  host: Host,
  stream: CallStream,
  error: unknown,
  phase: Phase,
  above: StackTop,
): Evidence {
  // A signal that was given to addAbortSignal() or pipeline() destroys the stream inside of abort().
  const story = host.abortOrigins.inProgress();
  if (story !== undefined) return { kind: 'signal', phase, ...story };
  const left = stream[kLeaving];
  // Node makes an error of its own for a loop that is left.
  const reason = left === undefined ? (error ?? undefined) : undefined;
  return { kind: 'local', trigger: 'destroy', reason, stack: left ?? host.captureStack(above), phase };
}

/** Sees what a handler of the core API does with a stream that was cancelled. */
import type { Installation } from '../../hook/installation.ts';
import { before } from '../../hook/observe.ts';
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
    // Node refuses respond() now, by an exception, and ignores the others.
    for (const name of ['respond', 'write', 'end'] as const) {
      before(stream, name, installation, () => host.lateWrite(operation, name === 'end'));
    }
  });
  process.nextTick(watch);
}

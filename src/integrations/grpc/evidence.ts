/** Why this process has destroyed the stream of a call, on either side. */
import { isAbortError } from '../../cancellation/reason.ts';
import type { Host } from '../../host.ts';
import type { StackTop } from '../../operation/captured-stack.ts';
import type { Evidence, Phase } from '../../operation/evidence.ts';

/** From whatever is on the stack. */
export function whyDestroyed(host: Host, error: unknown, phase: Phase, above: StackTop): Evidence {
  // A signal that was given to addAbortSignal() or pipeline() destroys the stream inside of abort().
  const story = host.abortOrigins.inProgress();
  if (story !== undefined) return { kind: 'signal', phase, ...story };
  // Node makes an error of its own for a loop that is left.
  const isGiven = !isAbortError(error) || 'cause' in error || !('code' in error);
  const reason = isGiven ? (error ?? undefined) : undefined;
  return { kind: 'local', trigger: 'destroy', reason, stack: host.captureStack(above), phase };
}

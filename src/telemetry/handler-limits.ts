/** The limit of a timeout signal passes in the work for an incoming operation, whose answer may follow from that. */
import type { SignalStory } from '../cancellation/abort-origins.ts';
import type { Endings } from './endings.ts';
import type { OperationRecord } from './operation-record.ts';

/** A response of HTTP, as far as Node's are alike. */
interface Answer {
  readonly writableEnded?: boolean;
  readonly statusCode?: number;
}

/**
 * What is answered by a listener of the signal, at once, follows from it.
 *
 * @param owner the operation in whose context the signal was made
 * @returns what is to be called when all listeners have been
 */
export function limitPasses(
  owner: OperationRecord | undefined,
  story: SignalStory,
  endings: Endings,
): (() => void) | undefined {
  if (owner === undefined || owner.isSettled || owner.cancellation !== undefined) return undefined;
  owner.limitSetAt = story.stack;
  const answer = owner.answer as Answer | undefined;
  if (answer?.writableEnded !== false) return undefined;
  return () => {
    const { writableEnded, statusCode = 0 } = answer;
    if (!writableEnded || statusCode < 400) return;
    const errorStatus = statusCode < 500 ? undefined : statusCode;
    endings.cancel(owner, { kind: 'signal', phase: 'handle', ...story, errorStatus });
  };
}

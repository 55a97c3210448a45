/** Who cancelled a trace, why, when and where, in a sentence. Pure. */
import type { TraceSummary } from '../summary.ts';
import { ms, shortOrigin } from './format.ts';

const HOW: Readonly<Record<string, string>> = {
  abort: 'aborted its signal',
  cancel: 'cancelled the call',
  destroy: 'destroyed it',
  body_cancel: 'cancelled the body',
  disconnect: 'went away',
  reset: 'reset the stream',
  shutdown: 'shut down',
  exit: 'ended',
};

export function sentenceOf({ first, startMs }: Pick<TraceSummary, 'first' | 'startMs'>, cwd: string): string {
  if (first === undefined) return 'Nothing in it was cancelled.';
  const { service, title, outcome, initiator, trigger, origin, reason, atMs } = first;
  const when = `after ${ms(atMs - startMs)}`;
  const where = origin === undefined ? '' : `, at ${shortOrigin(origin, cwd)}`;
  const why = reason === undefined ? '' : ` (“${reason}”)`;
  const how = HOW[trigger ?? ''] ?? `ended it by ${trigger}`;
  if (outcome === 'deadline_exceeded')
    return `A time limit of ${service} for ${title} passed ${when}${where}${why}.`;
  if (initiator === 'peer') return `The other side of ${service}, ${title}, ${how} ${when}${why}.`;
  return `${service} ${how} ${when}: ${title}${where}${why}.`;
}

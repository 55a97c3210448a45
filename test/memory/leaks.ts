/** What is left that should not be: more than a plain Node leaves of the same operations. */
import type { Left } from './left.ts';
import { HELD, measure, type Report, type Task } from './measure.ts';

/** Of a million operations a leak of four bytes each. The noise of V8 was seen up to 0.8 MB. */
const LIMIT_BYTES = 2 * 1024 * 1024;
/** What a moment has more of than another one, whatever came before: a socket that is being closed, a timer that waits for its turn. */
const IN_PASSING = 16;

const COUNTED = ['processListeners', 'timers', 'weakRefs', 'handles'] as const;

/** Measures, and measures again without the instrumentation if there is something left. */
export async function findLeaks(
  task: Task,
): Promise<{ readonly report: Report; readonly leaks: string[]; readonly plain?: Report }> {
  const report = await measure(task);
  const leaks = leaksOf(task, report);
  if (leaks.length === 0) return { report, leaks };
  const plain = await measure({ ...task, isPlain: true, isPlanted: false });
  return { report, leaks: leaksOf(task, report, plain), plain };
}

/**
 * @param plain what is left without the instrumentation
 * @returns in words, what leaks first
 */
export function leaksOf(task: Task, report: Report, plain?: Report): string[] {
  const leaks = spanLeaksOf(task, report);
  const grown = growthOf(report, 'heapBytes');
  if (grown - growthOf(plain, 'heapBytes') >= LIMIT_BYTES) leaks.push(`heap: grew by ${megabytes(grown)}`);
  const listeners = lastOf(report)?.signalListeners ?? 0;
  // Not one more, however few they are: each keeps what it belongs to for as long as the signal.
  if (listeners > (lastOf(plain)?.signalListeners ?? inFlightOf(task))) {
    leaks.push(`signalListeners: ${listeners}`);
  }
  for (const name of COUNTED) {
    const more = growthOf(report, name);
    if (more - growthOf(plain, name) > IN_PASSING) leaks.push(`${name}: ${more} more`);
  }
  if (report.complaints.length > 0) leaks.push(`complaints: ${report.complaints.join(', ')}`);
  return leaks;
}

/** Each operation has a CLIENT and a SERVER span, which have ended: cancelled ones, if it was. */
function spanLeaksOf({ kind, total }: Task, { spans, connections }: Report): string[] {
  const leaks: string[] = [];
  const isForgotten = kind === 'forgotten';
  // Those that never end are open, and have not always arrived.
  const held = kind === 'held' ? 2 * HELD : 0;
  const expected = isForgotten ? total : 2 * total;
  if (spans.open > (isForgotten ? total : held)) leaks.push(`open: ${spans.open} spans`);
  if (spans.made < expected || spans.made > expected + held) {
    leaks.push(`spans: ${spans.made} of ${expected}`);
  }
  const left = { cancelled: total, mixed: Math.ceil(total / 4), healthy: 0, held: 0, forgotten: 0 }[kind];
  if (spans.cancelled !== 2 * left) leaks.push(`cancelled: ${spans.cancelled} of ${2 * left} spans`);
  if (kind === 'healthy' && connections !== undefined && connections !== 1)
    leaks.push(`connections: ${connections}`);
  return leaks;
}

/** Listeners of the operations that never end. A gRPC call has none. */
function inFlightOf({ protocol, kind }: Task): number {
  return kind === 'held' && protocol !== 'grpc' ? HELD : 0;
}

function lastOf(report: Report | undefined): Left | undefined {
  return report?.marks.at(-1);
}

/** Between the second mark and the last one. Nothing where there is less. */
function growthOf(report: Report | undefined, name: keyof Left): number {
  return Math.max(0, (lastOf(report)?.[name] ?? 0) - (report?.marks[1]?.[name] ?? 0));
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(2)} MB`;
}

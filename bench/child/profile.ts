import { Session } from 'node:inspector/promises';
import type { SelfTimes } from '../messages.ts';

type Owner = Exclude<keyof SelfTimes, 'hottest'>;

interface Frame {
  readonly functionName: string;
  readonly url: string;
}

/** Between two samples of the CPU, in µs. */
const INTERVAL_US = 200;

const session = new Session();

export async function startProfile(): Promise<void> {
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: INTERVAL_US });
  await session.post('Profiler.start');
}

/** @returns by whose code the samples were taken in; what those call is theirs, not the caller's */
export async function stopProfile(): Promise<SelfTimes> {
  const { profile } = await session.post('Profiler.stop');
  session.disconnect();
  const packageRoot = new URL('./', process.env.BENCH_PACKAGE).href;
  const ownerById = new Map(profile.nodes.map(({ id, callFrame }) => [id, ownerOf(callFrame, packageRoot)]));
  const lines = new Map<string, number>();
  const frameById = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
  const times: SelfTimes = { ours: 0, otel: 0, node: 0, gc: 0, other: 0, hottest: [] };
  const { samples = [], timeDeltas = [] } = profile;
  for (const [index, id] of samples.entries()) {
    const owner = ownerById.get(id);
    const us = timeDeltas[index] ?? 0;
    if (owner !== undefined) times[owner] += us;
    const frame = frameById.get(id);
    if (frame === undefined || (owner !== 'ours' && owner !== 'otel')) continue;
    const line = `${frame.functionName || '(anonymous)'} ${frame.url.split('/').slice(-2).join('/')}:${frame.lineNumber + 1}`;
    lines.set(line, (lines.get(line) ?? 0) + us);
  }
  times.hottest = [...lines].sort(([, a], [, b]) => b - a).slice(0, 40);
  return times;
}

/** @returns undefined of time in which the process waits */
function ownerOf({ functionName, url }: Frame, packageRoot: string): Owner | undefined {
  if (functionName === '(idle)') return undefined;
  if (functionName === '(garbage collector)') return 'gc';
  if (url.startsWith(packageRoot)) return 'ours';
  if (url.includes('/@opentelemetry/')) return 'otel';
  return url.startsWith('node:') ? 'node' : 'other';
}

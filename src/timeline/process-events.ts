/** What a process recorded of itself: stalls of its event loop, garbage collection and CPU as slices, the rest as counters. */
import { readAsync } from '../recording/process.ts';
import { labelOf, slicesIn } from './cpu-stacks.ts';
import type { ProcessRecord } from './process-record.ts';
import type { Args, Axis, TraceEvent, Track, Tracks } from './trace-event.ts';

export async function* drawProcess(
  record: ProcessRecord,
  pid: number,
  tracks: Tracks,
  axis: Axis,
): AsyncGenerator<TraceEvent> {
  const { recorded, clock } = record;
  const { stalls, gc, loop } = recorded;
  const slice = (track: Track, name: string, cat: string, fromMs: number, toMs: number, args: Args) => {
    const fromNs = axis.ns(clock.unixMs(fromMs));
    const dur = (Math.max(fromNs, axis.ns(clock.unixMs(toMs))) - fromNs) / 1_000;
    return { ph: 'X', name, cat, ts: fromNs / 1_000, dur, ...track, args } as const;
  };
  if (stalls.length > 0) {
    const track = tracks.track(pid, 'event loop');
    for (const { atMs, durationMs, boundMs, isRecorder } of apart(stalls)) {
      const name = isRecorder ? 'blocked by the recorder' : 'blocked';
      yield slice(track, name, 'stall', atMs, atMs + durationMs, {
        durationMs,
        'began later by at most': boundMs,
      });
    }
  }
  if (gc.length > 0) {
    const track = tracks.track(pid, 'garbage collection');
    for (const { atMs, durationMs, kind, flags } of apart(gc))
      yield slice(track, kind, 'gc', atMs, atMs + durationMs, { flags });
  }
  if (recorded.slices.length > 0) {
    const track = tracks.track(pid, 'CPU');
    let endNs = 0;
    for await (const profile of record.profiles()) {
      // One offset for all of it: what is inside of each other stays so when the clock is set.
      const offsetMs = clock.unixMs(profile.startMs) - profile.startMs;
      const startNs = endNs;
      for (const { frame, fromMs, toMs } of slicesIn(profile)) {
        const fromNs = Math.max(startNs, axis.ns(fromMs + offsetMs));
        const toNs = Math.max(fromNs, axis.ns(toMs + offsetMs));
        endNs = Math.max(endNs, toNs);
        const cat = frame.isApplication ? 'cpu' : 'cpu,library';
        const args = { url: frame.url, line: frame.line };
        const [ts, dur] = [fromNs / 1_000, (toNs - fromNs) / 1_000];
        yield { ph: 'X', name: labelOf(frame), cat, ts, dur, ...track, args };
      }
    }
  }
  for (const { atMs, ...values } of loop) {
    const ts = axis.us(clock.unixMs(atMs));
    for (const [name, value] of Object.entries(values))
      yield { ph: 'C', name: `event loop ${name}`, pid, ts, args: { value } };
  }
  const types = new Set<string>();
  for await (const { atMs, resources } of readAsync(recorded)) {
    const ts = axis.us(clock.unixMs(atMs));
    const counts = new Map([...types].map((type) => [type, 0]));
    for (const { type, count } of resources) counts.set(type, (counts.get(type) ?? 0) + count);
    for (const [type, count] of counts) {
      types.add(type);
      yield { ph: 'C', name: `pending ${type}`, pid, ts, args: { count } };
    }
  }
}

/** In order, each from the end of the one before at the earliest. */
function* apart<Part extends { readonly atMs: number; readonly durationMs: number }>(
  parts: readonly Part[],
): Generator<Part> {
  let endMs = Number.NEGATIVE_INFINITY;
  for (const part of parts.toSorted((a, b) => a.atMs - b.atMs)) {
    const atMs = Math.max(endMs, part.atMs);
    const durationMs = part.atMs + part.durationMs - atMs;
    if (durationMs <= 0) continue;
    endMs = atMs + durationMs;
    yield { ...part, atMs, durationMs };
  }
}

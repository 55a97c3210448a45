/** What Chrome's trace event format asks of a file: fields, nesting, arrows. Whoever opens one drops what breaks it, without a word. */
import assert from 'node:assert/strict';
import type { TraceEvent } from '../../src/timeline/trace-event.ts';

export interface TraceFile {
  readonly displayTimeUnit: string;
  readonly otherData: Readonly<Record<string, unknown>>;
  readonly traceEvents: readonly TraceEvent[];
}

export type Slice = Extract<TraceEvent, { ph: 'X' }>;
export type Instant = Extract<TraceEvent, { ph: 'i' }>;

export function slicesIn({ traceEvents }: TraceFile): Slice[] {
  return traceEvents.filter((event) => event.ph === 'X');
}

export function instantsIn({ traceEvents }: TraceFile): Instant[] {
  return traceEvents.filter((event) => event.ph === 'i');
}

/** Whole nanoseconds. */
function nanos(us: number): number {
  const ns = Math.round(us * 1_000);
  assert.ok(
    Number.isSafeInteger(ns) && Math.abs(us * 1_000 - ns) < 0.01,
    `${us} µs are no whole nanoseconds`,
  );
  return ns;
}

export function assertFollowsRules(file: TraceFile): void {
  assert.ok(['ms', 'ns'].includes(file.displayTimeUnit));
  const names = new Map<string, string>();
  for (const event of file.traceEvents) {
    assert.ok(event.pid > 0, JSON.stringify(event));
    if (event.ph === 'M') {
      if (!event.name.endsWith('_name')) continue;
      const key = `${event.name} ${event.tid}`;
      assert.ok(!names.has(key), `two names for ${key}`);
      names.set(key, String(event.args.name));
    } else {
      assert.ok(event.name.length > 0, JSON.stringify(event));
      assert.ok(nanos(event.ts) >= 0, `before the first: ${JSON.stringify(event)}`);
    }
  }
  for (const { ph, name, ...event } of file.traceEvents) {
    assert.ok(names.has(`process_name ${event.pid}`), `the process of ${name} has no name`);
    if (ph !== 'M' && 'tid' in event)
      assert.ok(names.has(`thread_name ${event.tid}`), `the track of ${name} has no name`);
  }
  const slices = slicesByTrack(file);
  for (const ofTrack of slices.values()) assertNested(ofTrack);
  assertArrows(file, slices);
}

function slicesByTrack(file: TraceFile): Map<number, Slice[]> {
  const byTrack = new Map<number, Slice[]>();
  for (const slice of slicesIn(file)) {
    assert.ok(nanos(slice.dur) >= 0, JSON.stringify(slice));
    if (!byTrack.get(slice.tid)?.push(slice)) byTrack.set(slice.tid, [slice]);
  }
  return byTrack;
}

/** One is inside of another or beside it. */
function assertNested(slices: readonly Slice[]): void {
  const open: Slice[] = [];
  const end = ({ ts, dur }: Slice) => nanos(ts) + nanos(dur);
  const ordered = slices.toSorted((a, b) => nanos(a.ts) - nanos(b.ts) || nanos(b.dur) - nanos(a.dur));
  for (const slice of ordered) {
    while (open.length > 0 && end(open.at(-1) as Slice) <= nanos(slice.ts)) open.pop();
    const around = open.at(-1);
    if (around !== undefined)
      assert.ok(end(slice) <= end(around), `${JSON.stringify(slice)}\nis across\n${JSON.stringify(around)}`);
    open.push(slice);
  }
}

/** Each has one begin and one end, not before that, both within a slice of their tracks. */
function assertArrows({ traceEvents }: TraceFile, slices: Map<number, Slice[]>): void {
  const begun = new Map<number, number>();
  const isBound = (tid: number, ts: number) =>
    (slices.get(tid) ?? []).some((slice) => slice.ts <= ts && nanos(ts) < nanos(slice.ts) + nanos(slice.dur));
  for (const event of traceEvents) {
    if (event.ph !== 's' && event.ph !== 'f') continue;
    assert.ok(isBound(event.tid, event.ts), `bound to no slice: ${JSON.stringify(event)}`);
    if (event.ph === 's') {
      assert.ok(!begun.has(event.id), `two arrows have the id ${event.id}`);
      begun.set(event.id, event.ts);
      continue;
    }
    assert.ok((begun.get(event.id) ?? Number.POSITIVE_INFINITY) <= event.ts, JSON.stringify(event));
    begun.delete(event.id);
  }
  assert.deepEqual([...begun.keys()], [], 'arrows without an end');
}

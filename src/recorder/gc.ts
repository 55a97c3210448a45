/** Each run of the garbage collector. */
import { PerformanceObserver } from 'node:perf_hooks';
import type { GcPause } from '../recording/format.ts';
import { GC_FILE } from './files.ts';
import type { RecorderPart } from './part.ts';
import type { ProcessFolder } from './process-folder.ts';
import { sinceOrigin } from './times.ts';

/** By `perf_hooks.constants`, NODE_PERFORMANCE_GC_…. */
const KINDS: Readonly<Record<number, GcPause['kind']>> = {
  1: 'minor',
  2: 'minor',
  4: 'major',
  8: 'incremental',
  16: 'weakcb',
};

/** As Node's types do not tell it. */
interface GcEntry {
  readonly startTime: number;
  readonly duration: number;
  readonly detail: { readonly kind: number; readonly flags: number };
}

export function gcPart(folder: ProcessFolder): RecorderPart {
  const write = (entries: readonly unknown[]): void => {
    for (const { startTime, duration, detail } of entries as readonly GcEntry[]) {
      const { kind, flags } = detail;
      const pause = {
        atMs: sinceOrigin(startTime),
        durationMs: duration,
        kind: KINDS[kind] ?? 'major',
        flags,
      };
      folder.add(GC_FILE, pause satisfies GcPause);
    }
  };
  const observer = new PerformanceObserver((list) => write(list.getEntries()));
  return {
    name: 'gc',
    start: () => observer.observe({ entryTypes: ['gc'] }),
    end: () => {
      write(observer.takeRecords());
      observer.disconnect();
    },
  };
}

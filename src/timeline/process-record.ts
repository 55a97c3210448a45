/** What a recorded process did, on the clock of the machine: its event loop, and what its CPU was seen at. */
import type { ClockReading, CpuProfile, Stall } from '../recording/format.ts';
import { type RecordedProcess, readProfile } from '../recording/process.ts';
import { type Frame, stacksIn } from './cpu-stacks.ts';

/** Unix time in ms. */
export interface Interval {
  readonly fromMs: number;
  readonly toMs: number;
}

/** The clocks of a process go apart from that of the machine: what counts is the reading before. */
export class ProcessClock {
  readonly #readings: readonly ClockReading[];

  constructor(readings: readonly ClockReading[]) {
    this.#readings = readings;
  }

  /** How far off a time may be, in ms, to either side. */
  get boundMs(): number {
    return this.#readings.reduce((most, { boundMs }) => Math.max(most, boundMs), 0);
  }

  /** @param atMs on the process's own clock @returns Unix time in ms */
  unixMs(atMs: number): number {
    const reading = this.#at((each) => each.atMs, atMs);
    return reading === undefined ? atMs : atMs + reading.wallMs - reading.atMs;
  }

  /** The other way round. */
  ownMs(unixMs: number): number {
    const reading = this.#at((each) => each.wallMs, unixMs);
    return reading === undefined ? unixMs : unixMs + reading.atMs - reading.wallMs;
  }

  #at(time: (reading: ClockReading) => number, ms: number): ClockReading | undefined {
    let [low, high] = [0, this.#readings.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (time(this.#readings[middle] as ClockReading) <= ms) low = middle + 1;
      else high = middle;
    }
    return this.#readings[Math.max(0, low - 1)];
  }
}

/** What the CPU was seen at in some time. */
export interface Busiest {
  readonly frame: Frame;
  /** So many of all samples of that time. */
  readonly samples: number;
  readonly of: number;
}

export class ProcessRecord {
  readonly recorded: RecordedProcess;
  readonly clock: ProcessClock;
  /** When the event loop did not turn, as far as that is certain. */
  readonly blocked: readonly Interval[];
  #lastProfile: { readonly file: string; readonly profile: CpuProfile } | undefined;

  constructor(recorded: RecordedProcess) {
    this.recorded = recorded;
    this.clock = new ProcessClock(recorded.clock);
    this.blocked = recorded.stalls.map((stall) => this.#certain(stall));
  }

  get pid(): number {
    return this.recorded.info.pid;
  }

  get service(): string {
    return this.recorded.info.service;
  }

  /** Whether its event loop was watched all that time. */
  isWatched({ fromMs, toMs }: Interval): boolean {
    const { info, lastHeardMs } = this.recorded;
    if (info.absent.loop !== undefined) return false;
    return this.clock.unixMs(info.startedMs) <= fromMs && toMs <= this.clock.unixMs(lastHeardMs);
  }

  /** The profiles that are there, of all time or of some, one at a time: they are large. @throws {UserError} */
  async *profiles(within?: Interval): AsyncGenerator<CpuProfile> {
    for (const file of this.recorded.slices) {
      if (this.#lastProfile?.file !== file) this.#lastProfile = { file, profile: await readProfile(file) };
      const { profile } = this.#lastProfile;
      if (within !== undefined && this.clock.unixMs(profile.endMs) <= within.fromMs) continue;
      if (within !== undefined && this.clock.unixMs(profile.startMs) >= within.toMs) return;
      yield profile;
    }
  }

  /** The function of the application that most samples were in, or else the innermost. */
  async busiestIn(within: Interval): Promise<Busiest | undefined> {
    const counts = new Map<string, { frame: Frame; samples: number }>();
    let of = 0;
    for await (const profile of this.profiles(within)) {
      for (const { atMs, stack } of stacksIn(profile)) {
        const unixMs = this.clock.unixMs(atMs);
        if (unixMs < within.fromMs || unixMs >= within.toMs || stack.length === 0) continue;
        const frame = stack.findLast(({ isApplication }) => isApplication) ?? (stack.at(-1) as Frame);
        const key = `${frame.url} ${frame.line} ${frame.name}`;
        const count = counts.get(key) ?? { frame, samples: 0 };
        count.samples++;
        counts.set(key, count);
        of++;
      }
    }
    const [busiest] = [...counts.values()].sort((a, b) => b.samples - a.samples);
    return busiest && { ...busiest, of };
  }

  #certain({ atMs, durationMs, boundMs }: Stall): Interval {
    const toMs = this.clock.unixMs(atMs + durationMs);
    return { fromMs: Math.min(toMs, this.clock.unixMs(atMs + boundMs)), toMs };
  }
}

export function lengthOf(intervals: readonly Interval[]): number {
  return intervals.reduce((sum, { fromMs, toMs }) => sum + Math.max(0, toMs - fromMs), 0);
}

/** How long in all, in ms. */
export function overlapMs(intervals: readonly Interval[], { fromMs, toMs }: Interval): number {
  let sum = 0;
  for (const each of intervals) sum += Math.max(0, Math.min(toMs, each.toMs) - Math.max(fromMs, each.fromMs));
  return sum;
}

/**
 * Chrome's trace event format, which Perfetto, chrome://tracing, DevTools and speedscope open: the part of it that is used here.
 * https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
 */

/** Microseconds, to the nanosecond. */
type Micros = number;
export type Args = Readonly<Record<string, unknown>>;

/** Where it stands: a process of the file, and a track of it. */
export interface Track {
  readonly pid: number;
  readonly tid: number;
}

export type TraceEvent =
  | ({ readonly ph: 'M'; readonly name: string; readonly args: Args } & Track)
  | ({
      readonly ph: 'X';
      readonly name: string;
      readonly cat: string;
      readonly ts: Micros;
      readonly dur: Micros;
      /** Of chrome://tracing, by its names. */
      readonly cname?: string;
      readonly args?: Args;
    } & Track)
  | ({
      readonly ph: 'i';
      /** On its track only. */
      readonly s: 't';
      readonly name: string;
      readonly cat: string;
      readonly ts: Micros;
      readonly args?: Args;
    } & Track)
  | ({
      readonly ph: 's' | 'f';
      /** Of an end: it is bound to the slice that is around it. */
      readonly bp?: 'e';
      readonly id: number;
      readonly name: string;
      readonly cat: string;
      readonly ts: Micros;
    } & Track)
  | {
      readonly ph: 'C';
      readonly name: string;
      readonly pid: number;
      readonly ts: Micros;
      readonly args: Readonly<Record<string, number>>;
    };

/** What the colour of what was done for nobody is called. */
export const FOR_NOBODY = { cat: 'for-nobody', cname: 'terrible' } as const;

/** Unix time as the file has it: small numbers, since a double of microseconds since 1970 has no room for their fractions. */
export class Axis {
  readonly #zeroMs: number;

  /** @param zeroMs Unix time in ms: of the first event */
  constructor(zeroMs: number) {
    this.#zeroMs = zeroMs;
  }

  /** Nanoseconds: whole numbers, so that what ends together does. */
  ns(unixMs: number): number {
    return Math.round((unixMs - this.#zeroMs) * 1e6);
  }

  us(unixMs: number): Micros {
    return this.ns(unixMs) / 1_000;
  }
}

/** Gives processes and tracks their numbers, and tells their names. No two tracks of a file have the same one. */
export class Tracks {
  #count = 0;
  readonly #write: (event: TraceEvent) => void;

  constructor(write: (event: TraceEvent) => void) {
    this.#write = write;
  }

  /** Shown in the order in which they are made. */
  process(name: string): number {
    const pid = ++this.#count;
    this.#name({ pid, tid: pid }, 'process', name);
    return pid;
  }

  track(pid: number, name: string): Track {
    const track = { pid, tid: ++this.#count };
    this.#name(track, 'thread', name);
    return track;
  }

  #name(track: Track, of: 'process' | 'thread', name: string): void {
    this.#write({ ph: 'M', name: `${of}_name`, ...track, args: { name } });
    this.#write({ ph: 'M', name: `${of}_sort_index`, ...track, args: { sort_index: track.tid } });
  }
}

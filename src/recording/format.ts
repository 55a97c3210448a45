/**
 * What is in the folder of a recording. Times are ms since the epoch on the clock of the process that wrote them,
 * performance.timeOrigin + performance.now(), unless they are named otherwise.
 */

export const RECORDING_FILE = 'recording.json';

export interface RecordingInfo {
  readonly version: 1;
  readonly command: readonly string[];
  readonly startedMs: number;
  /** Undefined: whoever recorded was killed, or still records. */
  readonly endedMs?: number | undefined;
  /** Of the command. */
  readonly exit?: { readonly code: number | null; readonly signal: string | null } | undefined;
  /** Its version, of whoever recorded. */
  readonly node: string;
  readonly platform: string;
  readonly capture: CaptureInfo | { readonly absent: string };
  readonly isAsync: boolean;
}

export interface CaptureInfo {
  /** In the folder. */
  readonly file: string;
  readonly interfaces: readonly string[];
  /** Empty: all, but the one that spans are sent to. */
  readonly ports: readonly number[];
  /** What of it is missing: packets that were dropped, or all from some moment on. */
  readonly lost?: string | undefined;
}

export interface ProcessInfo {
  readonly pid: number;
  readonly ppid: number;
  readonly service: string;
  readonly argv: readonly string[];
  readonly execArgv: readonly string[];
  readonly node: string;
  readonly startedMs: number;
  readonly isAsync: boolean;
  /** What could not be recorded (`cpu`, `gc` …), and why. */
  readonly absent: Readonly<Record<string, string>>;
  /** Undefined: it was killed, crashed, or goes on. */
  readonly endedMs?: number | undefined;
  readonly exitCode?: number | undefined;
  readonly signal?: string | undefined;
}

/** The clocks of a process, read in turn. */
export interface ClockReading {
  readonly atMs: number;
  /** CLOCK_MONOTONIC, in which profiles and trace events count. */
  readonly monotonicUs: number;
  /** CLOCK_REALTIME, with which packets are stamped. */
  readonly wallMs: number;
  /** How far off `wallMs` may be, to either side. */
  readonly boundMs: number;
}

/** The event loop did not turn. */
export interface Stall {
  /** It began then at the earliest. */
  readonly atMs: number;
  readonly durationMs: number;
  /** How much later it may have begun. */
  readonly boundMs: number;
  /** It was the recorder's own work. */
  readonly isRecorder?: boolean | undefined;
}

/** Of the second before. */
export interface LoopSample {
  readonly atMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** CPU time of all threads. */
  readonly cpuMs: number;
}

export interface GcPause {
  readonly atMs: number;
  readonly durationMs: number;
  readonly kind: 'minor' | 'major' | 'incremental' | 'weakcb';
  /** Of `perf_hooks`, NODE_PERFORMANCE_GC_FLAGS_…. */
  readonly flags: number;
}

/** What was pending at a moment. */
export interface AsyncSnapshot {
  readonly atMs: number;
  /** It was taken since something was cancelled. */
  readonly isCancel?: boolean | undefined;
  readonly resources: readonly PendingResources[];
  /** How many are not told. */
  readonly more?: number | undefined;
}

/** Of one type, made by one line. */
export interface PendingResources {
  readonly type: string;
  readonly count: number;
  /** When the oldest was made. */
  readonly oldestMs: number;
  /** Of the deepest: functions of the application that led to whoever made it, over all callbacks. */
  readonly depth: number;
  readonly stack?: string | undefined;
}

/** A .cpuprofile, as DevTools opens it, with its times on the clock of the process. */
export interface CpuProfile {
  readonly nodes: readonly CpuNode[];
  /** CLOCK_MONOTONIC, in µs. */
  readonly startTime: number;
  readonly endTime: number;
  readonly samples: readonly number[];
  /** In µs. */
  readonly timeDeltas: readonly number[];
  readonly startMs: number;
  readonly endMs: number;
  /** How the URLs of our own files begin, which in a checkout of ours are in no node_modules. Undefined: older ones do not say. */
  readonly ownPlaces?: readonly string[] | undefined;
}

export interface CpuNode {
  readonly id: number;
  readonly callFrame: {
    readonly functionName: string;
    readonly url: string;
    /** From 0. */
    readonly lineNumber: number;
    readonly columnNumber: number;
  };
  readonly hitCount?: number | undefined;
  readonly children?: readonly number[] | undefined;
}

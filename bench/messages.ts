import type { Role, SetUp, Workload } from './plan.ts';

export type Request =
  | { do: 'start'; role: 'server'; setUp: SetUp; workload: Workload }
  | {
      do: 'start';
      role: 'client';
      setUp: SetUp;
      workload: Workload;
      port: number;
      concurrency: number;
    }
  /** Begin to sample the CPU; end, and tell. */
  | { do: 'profile' }
  | { do: 'profiled' }
  /** Begin to count. */
  | { do: 'mark' }
  | { do: 'run'; operations: number }
  /** Flush, then say what was used since the mark. */
  | { do: 'report' };

export type Reply =
  | { done: 'start'; port: number }
  | { done: 'mark' }
  | { done: 'run' }
  | { done: 'profile' }
  | { done: 'profiled'; times: SelfTimes }
  | { done: 'report'; usage: Usage }
  | { done: 'failed'; error: string };

/** Self time by whose code it was spent in, in µs; of the named ones the functions that took most. */
export interface SelfTimes {
  /** This package. */
  ours: number;
  /** `@opentelemetry/*`. */
  otel: number;
  node: number;
  gc: number;
  /** Libraries, the bench itself, native code; waiting is no work. */
  other: number;
  hottest: [name: string, us: number][];
}

export interface Usage {
  /** User and system time of the whole process, garbage collection and other threads included. */
  cpuMicros: number;
  /** Spans that reached the exporter. */
  spans: number;
  /** The last of them, to compare what the set-ups record. */
  sample?: SpanSample;
}

export interface SpanSample {
  role: Role;
  name: string;
  attributes: Record<string, unknown>;
  events: string[];
}

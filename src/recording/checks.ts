/** Whether what is in the folder of a recording has the shape that it was written in: anybody may have had it in hands meanwhile. */
import { isFields } from '../spans/shape.ts';
import type {
  AsyncSnapshot,
  ClockReading,
  CpuProfile,
  GcPause,
  LoopSample,
  ProcessInfo,
  RecordingInfo,
  Stall,
} from './format.ts';

/** With the check of each field's value. */
type Shape<T> = { readonly [Key in keyof T]-?: (value: unknown) => boolean };

const number = (value: unknown): boolean => typeof value === 'number' && Number.isFinite(value);
const text = (value: unknown): boolean => typeof value === 'string';
const truth = (value: unknown): boolean => typeof value === 'boolean';
const textOrNull = (value: unknown): boolean => value === null || text(value);
const numberOrNull = (value: unknown): boolean => value === null || number(value);

function maybe(check: (value: unknown) => boolean) {
  return (value: unknown): boolean => value === undefined || check(value);
}

function listOf(check: (value: unknown) => boolean) {
  return (value: unknown): boolean => Array.isArray(value) && value.every(check);
}

function shaped<T>(shape: Shape<T>) {
  const checks = Object.entries(shape) as [string, (value: unknown) => boolean][];
  return (value: unknown): value is T =>
    isFields(value) &&
    checks.every(([key, check]) => check(Object.hasOwn(value, key) ? value[key] : undefined));
}

const isCapture = shaped({
  file: text,
  interfaces: listOf(text),
  ports: listOf(number),
  lost: maybe(text),
});

/** Of version 1. */
export const isRecordingInfo: (value: unknown) => value is RecordingInfo = shaped<RecordingInfo>({
  version: number,
  command: listOf(text),
  startedMs: number,
  endedMs: maybe(number),
  exit: maybe(shaped({ code: numberOrNull, signal: textOrNull })),
  node: text,
  platform: text,
  capture: (value) => isCapture(value) || shaped({ absent: text })(value),
  isAsync: truth,
});

export const isProcessInfo: (value: unknown) => value is ProcessInfo = shaped<ProcessInfo>({
  pid: number,
  ppid: number,
  service: text,
  argv: listOf(text),
  execArgv: listOf(text),
  node: text,
  startedMs: number,
  isAsync: truth,
  absent: (value) => isFields(value) && Object.values(value).every(text),
  endedMs: maybe(number),
  exitCode: maybe(numberOrNull),
  signal: maybe(textOrNull),
});

export const isClockReading: (line: unknown) => line is ClockReading = shaped<ClockReading>({
  atMs: number,
  monotonicUs: number,
  wallMs: number,
  boundMs: number,
});

const isStall = shaped<Stall>({
  atMs: number,
  durationMs: number,
  boundMs: number,
  isRecorder: maybe(truth),
});

const isLoopSample = shaped<LoopSample>({
  atMs: number,
  p50Ms: number,
  p99Ms: number,
  maxMs: number,
  cpuMs: number,
});

export const isOfLoop = (line: unknown): line is Stall | LoopSample => isStall(line) || isLoopSample(line);

export const isGcPause: (line: unknown) => line is GcPause = shaped<GcPause>({
  atMs: number,
  durationMs: number,
  kind: text,
  flags: number,
});

export const isAsyncSnapshot: (line: unknown) => line is AsyncSnapshot = shaped<AsyncSnapshot>({
  atMs: number,
  isCancel: maybe(truth),
  resources: listOf(
    shaped({ type: text, count: number, oldestMs: number, depth: number, stack: maybe(text) }),
  ),
  more: maybe(number),
});

const isCpuNode = shaped({
  id: number,
  callFrame: shaped({ functionName: text, url: text, lineNumber: number, columnNumber: number }),
  hitCount: maybe(number),
  children: maybe(listOf(number)),
});

export const isCpuProfile: (value: unknown) => value is CpuProfile = shaped<CpuProfile>({
  nodes: listOf(isCpuNode),
  startTime: number,
  endTime: number,
  samples: listOf(number),
  timeDeltas: listOf(number),
  startMs: number,
  endMs: number,
  ownPlaces: maybe(listOf(text)),
});

/** One process of a recording. */
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ASYNC_FILE, CLOCK_FILE, GC_FILE, isSliceFile, LOOP_FILE, PROCESS_FILE } from '../recorder/files.ts';
import { UserError } from '../spans/user-error.ts';
import {
  isAsyncSnapshot,
  isClockReading,
  isCpuProfile,
  isGcPause,
  isOfLoop,
  isProcessInfo,
} from './checks.ts';
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
import { jsonLines } from './json-lines.ts';

export interface RecordedProcess {
  readonly folder: string;
  readonly info: ProcessInfo;
  readonly clock: readonly ClockReading[];
  readonly stalls: readonly Stall[];
  readonly loop: readonly LoopSample[];
  readonly gc: readonly GcPause[];
  /** Files of CPU profiles, one after the other in time. */
  readonly slices: readonly string[];
  /** When it wrote last. */
  readonly lastHeardMs: number;
  /** Of one that told no end: the command ended so long after it was heard of last, in ms. More than a second: its loop did not turn. */
  readonly silentMs: number | undefined;
  /** In sentences. */
  readonly missing: readonly string[];
}

/** How often a process writes, in ms. */
const EVERY_MS = 1_000;

/** Undefined: it was killed before it had written who it is. @throws {UserError} */
export async function readProcess(
  folder: string,
  recording: RecordingInfo,
): Promise<RecordedProcess | undefined> {
  const info = await readInfo(join(folder, PROCESS_FILE));
  if (info === undefined) return undefined;
  const [clock, loopLines, gc, names] = await Promise.all([
    linesOf(folder, CLOCK_FILE, isClockReading),
    linesOf(folder, LOOP_FILE, isOfLoop),
    linesOf(folder, GC_FILE, isGcPause),
    readdir(folder),
  ]);
  const stalls = loopLines.filter((line) => 'durationMs' in line);
  const loop = loopLines.filter((line) => 'p50Ms' in line);
  const slices = names
    .filter(isSliceFile)
    .sort()
    .map((name) => join(folder, name));
  const ends = [
    info.startedMs,
    clock.at(-1)?.atMs ?? 0,
    loop.at(-1)?.atMs ?? 0,
    ...stalls.slice(-1).map(({ atMs, durationMs }) => atMs + durationMs),
  ];
  const lastHeardMs = info.endedMs ?? Math.max(...ends);
  const silentMs =
    info.endedMs !== undefined || recording.endedMs === undefined
      ? undefined
      : Math.max(0, recording.endedMs - lastHeardMs);
  const told = { folder, info, clock, stalls, loop, gc, slices, lastHeardMs, silentMs };
  return { ...told, missing: missingOf(told) };
}

function missingOf({ folder, info, slices, silentMs }: Omit<RecordedProcess, 'missing'>): string[] {
  const name = basename(folder);
  const missing = Object.entries(info.absent).map(([what, why]) => `${name}, ${what}: ${why}`);
  if (info.endedMs !== undefined) return missing;
  const isBlocked = silentMs !== undefined && silentMs > 2 * EVERY_MS;
  const how = isBlocked
    ? `it told no end and nothing in the last ${Math.round(silentMs)} ms: killed while its event loop was blocked, or long before the command ended`
    : 'it told no end: killed, crashed, or it goes on';
  const lost = slices.length === 0 ? 'its CPU profile' : 'the last slice of its CPU profile';
  missing.push(`${name}, the end: ${how}; ${lost} and what it saw in its last second are not there`);
  return missing;
}

/** @throws {UserError} */
export async function readProfile(slice: string): Promise<CpuProfile> {
  try {
    const profile: unknown = JSON.parse(await readFile(slice, 'utf8'));
    if (isCpuProfile(profile)) return profile;
  } catch (error) {
    throw new UserError(`${slice}: cannot be read as a CPU profile (${(error as Error).message}). Remove it`);
  }
  throw new UserError(`${slice}: not a CPU profile of a recording. Remove it`);
}

/** One at a time: with stacks they are large. @throws {UserError} */
export async function* readAsync({ folder }: RecordedProcess): AsyncGenerator<AsyncSnapshot> {
  yield* jsonLines(join(folder, ASYNC_FILE), isAsyncSnapshot);
}

async function readInfo(file: string): Promise<ProcessInfo | undefined> {
  try {
    const info: unknown = JSON.parse(await readFile(file, 'utf8'));
    return isProcessInfo(info) ? info : undefined;
  } catch {
    return undefined;
  }
}

async function linesOf<T>(folder: string, name: string, isOne: (line: unknown) => line is T): Promise<T[]> {
  const lines: T[] = [];
  for await (const line of jsonLines(join(folder, name), isOne)) lines.push(line);
  return lines;
}

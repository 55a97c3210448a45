/**
 * The event loop: each time it did not turn for long, and what it is like over a second.
 *
 * A timer tells that it is late only once it runs, and not since when the loop stood: after the timer's last turn, and before it was due.
 * Node's utilization of the loop would say more, but counts idle time as active while the profiler's signals come.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { LoopSample, Stall } from '../recording/format.ts';
import { LOOP_FILE } from './files.ts';
import type { RecorderPart } from './part.ts';
import type { ProcessFolder } from './process-folder.ts';
import { nowMs } from './times.ts';

/** From which on a stall is told, in ms. */
const LIMIT_MS = 20;
export const TURN_MS = 10;
/** Timers count whole ms. */
const TIMER_MS = 1;

const readCpu = process.cpuUsage;

export class LoopWatch implements RecorderPart {
  readonly name: string = 'loop';
  readonly #folder: ProcessFolder;
  readonly #delays = monitorEventLoopDelay({ resolution: TURN_MS });
  #turnedMs = nowMs();
  #cpuMs = cpuMs();

  constructor(folder: ProcessFolder) {
    this.#folder = folder;
  }

  start(): void {
    this.#delays.enable();
    this.#turnedMs = nowMs();
  }

  /** The loop turns, as it should every `TURN_MS`. @returns whether it had stood */
  turn(): boolean {
    const stall = this.#stallUntil(nowMs());
    if (stall !== undefined) this.#folder.add(LOOP_FILE, stall);
    this.#turned();
    return stall !== undefined;
  }

  /** What was done since `startedMs` was work of the recorder. */
  ownWork(startedMs: number): void {
    const durationMs = nowMs() - startedMs;
    if (durationMs >= LIMIT_MS)
      this.#folder.add(LOOP_FILE, {
        atMs: startedMs,
        durationMs,
        boundMs: 0,
        isRecorder: true,
      } satisfies Stall);
    this.#turned();
  }

  tick(): void {
    const delays = this.#delays;
    const usedMs = cpuMs();
    const sample: LoopSample = {
      atMs: nowMs(),
      p50Ms: beyondTurn(delays.percentile(50)),
      p99Ms: beyondTurn(delays.percentile(99)),
      maxMs: beyondTurn(delays.max),
      cpuMs: usedMs - this.#cpuMs,
    };
    if (delays.percentile(100) > 0) this.#folder.add(LOOP_FILE, sample);
    this.#cpuMs = usedMs;
    delays.reset();
  }

  /** It may stand until the end. */
  end(): void {
    this.turn();
    this.tick();
    this.#delays.disable();
  }

  #stallUntil(endedMs: number): Stall | undefined {
    if (endedMs - this.#turnedMs < TURN_MS + TIMER_MS + LIMIT_MS) return undefined;
    return { atMs: this.#turnedMs, durationMs: endedMs - this.#turnedMs, boundMs: TURN_MS + TIMER_MS };
  }

  #turned(): void {
    this.#turnedMs = nowMs();
  }
}

/** @param ns from one turn to the next */
function beyondTurn(ns: number): number {
  return Math.max(0, ns / 1e6 - TURN_MS);
}

/** Of all threads. */
function cpuMs(): number {
  const { user, system } = readCpu();
  return (user + system) / 1_000;
}

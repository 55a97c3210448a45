/** The clocks of the process. They are taken before the program runs: what it puts in their place, as for its tests, is not seen. */
import type { ClockReading } from '../recording/format.ts';

const { timeOrigin } = performance;
const readPerformance = performance.now.bind(performance);
const readWall = Date.now;
const readMonotonic = process.hrtime.bigint;
/** What one reading makes of it that nobody interrupts. */
const PLAIN_MS = 0.51;
const EXACT_MS = 0.02;
/** Others may have the processor in between. */
const MIN_READINGS = 3;
/** A ms is enough where nobody else wants the processor. */
const EXACT_LIMIT_MS = 5;

/** On the clock of performance.now(). */
export function sinceOriginMs(): number {
  return readPerformance();
}

/** In ms since the epoch, and it never goes back. */
export function nowMs(): number {
  return timeOrigin + readPerformance();
}

/** @param ms on the clock of performance.now(), as entries of a PerformanceObserver have it */
export function sinceOrigin(ms: number): number {
  return timeOrigin + ms;
}

export function monotonicUs(): number {
  return Number(readMonotonic()) / 1_000;
}

/** Date.now() counts whole ms, so that is how exact it is. */
export function readClocks(): ClockReading {
  return readUntil(PLAIN_MS, 0);
}

/** By readings one after the other until Date.now() turns, for a ms: at the start and the end. */
export function readClocksExactly(): ClockReading {
  return readUntil(EXACT_MS, EXACT_LIMIT_MS);
}

/** @param boundMs exact enough. @param limitMs for how long */
function readUntil(boundMs: number, limitMs: number): ClockReading {
  const untilMs = nowMs() + limitMs;
  // How far the wall clock is ahead of this one: each reading says at least and at most.
  let [atLeast, atMost] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let readings = 1; ; readings++) {
    const beforeMs = nowMs();
    const us = monotonicUs();
    const wallMs = readWall();
    const afterMs = nowMs();
    // It was set in between.
    const isSet = wallMs - afterMs > atMost || wallMs + 1 - beforeMs < atLeast;
    atLeast = isSet ? wallMs - afterMs : Math.max(atLeast, wallMs - afterMs);
    atMost = isSet ? wallMs + 1 - beforeMs : Math.min(atMost, wallMs + 1 - beforeMs);
    const bound = (atMost - atLeast) / 2;
    if (bound > boundMs && (readings < MIN_READINGS || afterMs < untilMs)) continue;
    const atMs = (beforeMs + afterMs) / 2;
    return { atMs, monotonicUs: us, wallMs: atMs + (atLeast + atMost) / 2, boundMs: bound };
  }
}

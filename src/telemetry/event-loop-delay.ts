/**
 * How far the event loop is behind: a deadline that fired late because the process was busy looks like a
 * slow peer otherwise. A timer that should fire regularly is compared with when it does, as long as
 * operations with a deadline are made.
 */
import { context, ROOT_CONTEXT } from '@opentelemetry/api';
import type { Guard } from '../operation/guard.ts';

const BEAT_EVERY_MS = 20;
/** So many beats without anybody interested, and it stops. */
const IDLE_BEATS = 500;

export class EventLoopDelay {
  readonly #onTimer: () => void;
  #timer: NodeJS.Timeout | undefined;
  #lastBeatMs = 0;
  #lastDelayMs = 0;
  #idleBeats = 0;

  constructor(guard: Guard) {
    this.#onTimer = guard(() => this.#beat());
  }

  /** Somebody will ask later. */
  watch(): void {
    this.#idleBeats = 0;
    if (this.#timer !== undefined) return;
    this.#lastBeatMs = performance.now();
    this.#lastDelayMs = 0;
    // In no context: the timer is not for the operation that happens to be the first.
    this.#timer = context.with(ROOT_CONTEXT, () => setInterval(this.#onTimer, BEAT_EVERY_MS).unref());
  }

  /** In ms, at this moment: of the beat that was last, or of the one that is due. 0 when nobody has watched of late. */
  now(): number {
    if (this.#timer === undefined) return 0;
    const sinceBeatMs = performance.now() - this.#lastBeatMs;
    return Math.max(0, sinceBeatMs > BEAT_EVERY_MS ? sinceBeatMs - BEAT_EVERY_MS : this.#lastDelayMs);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #beat(): void {
    const nowMs = performance.now();
    this.#lastDelayMs = nowMs - this.#lastBeatMs - BEAT_EVERY_MS;
    this.#lastBeatMs = nowMs;
    if (++this.#idleBeats > IDLE_BEATS) this.stop();
  }
}

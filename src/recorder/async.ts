/**
 * All async resources that are pending, once a second and at each cancel: of which type, how many, since when, how deep in the chain of
 * what caused what, and the line that made them. Node reports every promise for it, which slows down all of the process.
 */
import { type AsyncHook, createHook } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { CANCEL_CHANNEL } from '../cancellation/cancel-channel.ts';
import { formatStack } from '../cancellation/frame.ts';
import { CapturedStack } from '../operation/captured-stack.ts';
import type { AsyncSnapshot, PendingResources } from '../recording/format.ts';
import { ASYNC_FILE } from './files.ts';
import type { RecorderPart } from './part.ts';
import type { ProcessFolder } from './process-folder.ts';
import { nowMs } from './times.ts';

/** Of more, the others are counted only. */
const MAX_HELD = 50_000;
/** Entries of the chain. A promise keeps its own until it is collected. */
const MAX_DEPTHS = 1_000_000;
const MAX_DEPTH = 1_000;
/** Enough to leave Node's own frames. */
const MAX_FRAMES = 16;
/** Stacks that are formatted for one snapshot: it holds up the process. */
const MAX_FORMATTED = 200;
const MAX_TOLD = 200;
/** Between two snapshots at cancels, in ms. */
const CANCEL_EVERY_MS = 100;
/** Over within the tick. */
const NOISE: ReadonlySet<string> = new Set(['TickObject', 'Microtask']);

interface Pending {
  readonly type: string;
  readonly madeMs: number;
  readonly depth: number;
  readonly captured: CapturedStack;
  /** As text, once somebody has asked: the program's own frames. */
  stack?: string;
}

export class AsyncWatch implements RecorderPart {
  readonly name: string = 'async';
  readonly #folder: ProcessFolder;
  /** By async id, in the order in which they were made. */
  readonly #pending = new Map<number, Pending>();
  readonly #depths = new Map<number, number>();
  readonly #hook: AsyncHook;
  #unheld = 0;
  #cancelledMs = 0;

  constructor(folder: ProcessFolder) {
    this.#folder = folder;
    const made = (asyncId: number, type: string, triggerId: number): void => {
      // What a hook throws ends the process.
      try {
        const depth = Math.min(MAX_DEPTH, (this.#depths.get(triggerId) ?? -1) + 1);
        if (this.#depths.size >= MAX_DEPTHS) this.#depths.clear();
        this.#depths.set(asyncId, depth);
        if (NOISE.has(type)) return;
        if (this.#pending.size >= MAX_HELD) this.#unheld++;
        else {
          const captured = new CapturedStack(made, MAX_FRAMES);
          this.#pending.set(asyncId, { type, madeMs: nowMs(), depth, captured });
        }
      } catch {}
    };
    const over = (asyncId: number): void => void this.#pending.delete(asyncId);
    const gone = (asyncId: number): void => {
      this.#pending.delete(asyncId);
      this.#depths.delete(asyncId);
    };
    this.#hook = createHook({ init: made, destroy: gone, promiseResolve: over });
  }

  start(): void {
    this.#hook.enable();
    subscribe(CANCEL_CHANNEL, this.#onCancel);
  }

  tick(): void {
    this.#write(false);
  }

  end(): void {
    this.#hook.disable();
    unsubscribe(CANCEL_CHANNEL, this.#onCancel);
    this.#write(false);
  }

  readonly #onCancel = (): void => {
    try {
      if (nowMs() - this.#cancelledMs < CANCEL_EVERY_MS) return;
      this.#cancelledMs = nowMs();
      this.#write(true);
    } catch {
      // What a subscriber throws ends the process.
    }
  };

  #write(isCancel: boolean): void {
    const resources = this.#grouped();
    const told = resources.slice(0, MAX_TOLD);
    const count = (groups: readonly PendingResources[]): number =>
      groups.reduce((sum, group) => sum + group.count, 0);
    const more = count(resources) - count(told) + this.#unheld;
    this.#unheld = 0;
    const snapshot: AsyncSnapshot = {
      atMs: nowMs(),
      ...(isCancel && { isCancel }),
      resources: told,
      ...(more > 0 && { more }),
    };
    this.#folder.add(ASYNC_FILE, snapshot);
  }

  /** By type and line, those first that are most. */
  #grouped(): PendingResources[] {
    const groups = new Map<string, PendingResources>();
    let formatted = 0;
    for (const pending of this.#pending.values()) {
      if (pending.stack === undefined && formatted < MAX_FORMATTED) {
        pending.stack = ownFrames(pending.captured);
        formatted++;
      }
      const { type, madeMs, depth, stack } = pending;
      const key = `${type}\n${stack?.split('\n', 1)}`;
      const group = groups.get(key);
      groups.set(key, {
        type,
        count: (group?.count ?? 0) + 1,
        oldestMs: group?.oldestMs ?? madeMs,
        depth: Math.max(group?.depth ?? 0, depth),
        ...((group?.stack ?? stack) && { stack: group?.stack ?? stack }),
      });
    }
    return [...groups.values()].sort((a, b) => b.count - a.count);
  }
}

/** Empty: all of them are Node's. */
function ownFrames(captured: CapturedStack): string {
  const lines = formatStack(captured)?.split('\n') ?? [];
  return lines.filter((line) => /^\s+at /.test(line) && !/\(?node:|<anonymous>\)?$/.test(line)).join('\n');
}

/**
 * All async resources that are pending, once a second and at each cancel: of which type, how many, since when, how deep in the chain of
 * what caused what, and the line that made them. Node reports every promise for it, which slows down all of the process.
 */
import { type AsyncHook, createHook, executionAsyncId } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { CANCEL_CHANNEL } from '../cancellation/cancel-channel.ts';
import { CapturedStack } from '../operation/captured-stack.ts';
import type { AsyncSnapshot, PendingResources } from '../recording/format.ts';
import { AsyncResource, type Way, WITHIN_TICK, wayTo } from '../telemetry/async-chain.ts';
import { ASYNC_FILE } from './files.ts';
import type { RecorderPart } from './part.ts';
import type { ProcessFolder } from './process-folder.ts';
import { nowMs, sinceOrigin, sinceOriginMs } from './times.ts';

/** Of more, the others are counted only. */
const MAX_HELD = 50_000;
/** Enough to leave Node's own frames, and to get from there to what called back. */
const MAX_FRAMES = 40;
/** Ways that are looked at for one snapshot: it holds up the process. */
const MAX_WAYS = 200;
const MAX_TOLD = 200;
/** Between two snapshots at cancels, in ms. */
const CANCEL_EVERY_MS = 100;

export class AsyncWatch implements RecorderPart {
  readonly name: string = 'async';
  readonly #folder: ProcessFolder;
  /** By async id, in the order in which they were made. */
  readonly #pending = new Map<number, AsyncResource>();
  /** Once they were looked at. */
  readonly #ways = new WeakMap<AsyncResource, Way>();
  readonly #hook: AsyncHook;
  #unheld = 0;
  #cancelledMs = 0;

  constructor(folder: ProcessFolder) {
    this.#folder = folder;
    const made = (asyncId: number, type: string, triggerId: number): void => {
      if (WITHIN_TICK.has(type)) return;
      // What a hook throws ends the process.
      try {
        if (this.#pending.size >= MAX_HELD) this.#unheld++;
        else {
          const running = this.#pending.get(executionAsyncId()) ?? this.#pending.get(triggerId);
          const stack = new CapturedStack(made, MAX_FRAMES);
          this.#pending.set(asyncId, new AsyncResource(type, stack, sinceOriginMs(), running));
        }
      } catch {}
    };
    const over = (asyncId: number): void => void this.#pending.delete(asyncId);
    this.#hook = createHook({ init: made, destroy: over, promiseResolve: over });
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
    let looked = 0;
    for (const resource of this.#pending.values()) {
      let way = this.#ways.get(resource);
      if (way === undefined && looked++ < MAX_WAYS) {
        way = wayTo(resource);
        this.#ways.set(resource, way);
      }
      const { type, madeAtMs } = resource;
      const { depth, stacktrace } = way ?? { depth: 0, stacktrace: '' };
      const key = `${type}\n${lineOf(stacktrace)}`;
      const group = groups.get(key);
      const isDeeper = group === undefined || depth > group.depth;
      groups.set(key, {
        type,
        count: (group?.count ?? 0) + 1,
        oldestMs: group?.oldestMs ?? sinceOrigin(madeAtMs),
        depth: isDeeper ? depth : group.depth,
        ...(stacktrace !== '' && { stack: isDeeper ? stacktrace : group.stack }),
      });
    }
    return [...groups.values()].sort((a, b) => b.count - a.count);
  }
}

/** Of the program itself, if there is one. */
function lineOf(stacktrace: string): string {
  const lines = stacktrace.split('\n');
  return lines.find((line) => !/\bnode:|[\\/]node_modules[\\/]/.test(line)) ?? lines[0] ?? '';
}

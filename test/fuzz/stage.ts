/** An operation of a program while it runs, and what its application sees of it. */
import { getEventListeners } from 'node:events';
import type { Means, Operation } from './program.ts';

/** An operation while it runs: each side writes down what it sees, and the client hears how far the handler is. */
export class Stage {
  readonly operation: Operation;
  readonly id: number;
  readonly client: string[] = [];
  readonly server: string[] = [];
  readonly signal: AbortSignal;
  readonly #controller: AbortController;
  readonly #sent = deferred<void>();
  readonly #served = deferred<void>();
  /** How the client cancels by other means than a signal. */
  destroy: ((error?: Error) => void) | undefined;
  #isCancelled = false;

  constructor(operation: Operation, id: number, shared: AbortController) {
    this.operation = operation;
    this.id = id;
    this.#controller = operation.means === 'shared' ? shared : new AbortController();
    const { signal } = this.#controller;
    this.signal =
      operation.means === 'any' ? AbortSignal.any([signal, new AbortController().signal]) : signal;
    void this.#sent.promise.then(() => this.reached('sent'));
    if (operation.moment === 'before') this.#cancel();
  }

  /** The handler has the request. */
  begun(): void {
    this.#sent.resolve();
  }

  /** The handler is done, and nothing more will happen on its side. */
  over(): void {
    this.#served.resolve();
  }

  get served(): Promise<void> {
    return this.#served.promise;
  }

  reached(moment: Operation['moment']): void {
    if (moment === this.operation.moment) this.#cancel();
    if (moment === 'start' && this.operation.moment === 'turn') setImmediate(() => this.#cancel());
  }

  #cancel(): void {
    if (this.#isCancelled) return;
    this.#isCancelled = true;
    this.client.push(`cancels, ${getEventListeners(this.signal, 'abort').length} listen`);
    const { means } = this.operation;
    const destroy = means.startsWith('destroy') ? this.destroy : undefined;
    const error = means === 'destroy-error' ? new RangeError('destroyed') : undefined;
    if (destroy !== undefined) destroy(error);
    else this.#controller.abort(REASONS[means] ?? error);
  }
}

const REASONS: Partial<Record<Means, unknown>> = {
  'abort-reason': new TypeError('a reason'),
  'abort-text': 'a text',
};

/** An error as far as it is the same each time. */
export function described(error: unknown, depth = 0): string {
  if (!(error instanceof Error)) return `${typeof error} ${String(error)}`;
  const { name, message, code, cause } = error as Error & { code?: unknown };
  const because = cause === undefined || depth > 3 ? '' : ` <- ${described(cause, depth + 1)}`;
  const keys = Object.keys(error).sort().join();
  return `${error.constructor.name} ${name} ${String(code)} ${message.replaceAll(/:\d{4,5}\b/g, ':PORT')} [${keys}]${because}`;
}

export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

/** `Promise.withResolvers()`, which Node 20 has not. */
export function deferred<T>(): Deferred<T> {
  const made: { -readonly [Key in keyof Deferred<T>]?: Deferred<T>[Key] } = {};
  const promise = new Promise<T>((resolve, reject) => Object.assign(made, { resolve, reject }));
  return { ...(made as Deferred<T>), promise };
}

export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Names of the events that somebody listens to, with how many do. */
export function listenersOf(emitter: NodeJS.EventEmitter): string {
  const names = emitter.eventNames().map((name) => `${String(name)} ${emitter.listenerCount(name)}`);
  return names.sort().join(', ');
}

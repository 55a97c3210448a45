/**
 * Signals that nobody handles end the process without an `exit` event: this is told here, before they do. The application
 * cannot see that somebody waits for them: a library that ends the process when its own listener is the only one has to find that it is.
 *
 * So they are received by a handle of our own, and not by a listener of `process`, while there is no listener. When there is one, Node has a
 * handle for it, which emits: which of two handles hears of a signal first would not be known, and a listener of once() may be gone by then.
 */
import { createHook } from 'node:async_hooks';
import { constants } from 'node:os';
import { isMainThread } from 'node:worker_threads';
import { createInstallation, type Installation } from './hook/installation.ts';
import { before } from './hook/observe.ts';
import { type AnyFunction, disguise } from './hook/replace.ts';
import type { StackTop } from './operation/captured-stack.ts';

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
export type Signal = (typeof SIGNALS)[number];

export interface SignalWatcher {
  /** Called at each signal, whoever handles it, and before that. */
  told(signal: Signal): void;
  /**
   * Called with the signal that ends the process, since nobody handles it: which it then does.
   *
   * @param above whose callers send it, when that is this process
   */
  ends(signal: Signal, above: StackTop | undefined): void;
}

/** What Node makes for a signal that is listened to. */
interface SignalHandle {
  onsignal: () => void;
  start(signum: number): number;
  stop(): void;
  close(): void;
  unref(): void;
}

/** Other threads are sent no signals. @param report is told what fails here */
export function watchSignals(
  watcher: SignalWatcher,
  report: (message: string, error: unknown) => void,
): void {
  const Handle = isMainThread ? handleClass() : undefined;
  if (Handle === undefined) return;
  const installation = createInstallation(report);
  const watches = new Map<unknown, Watch>();
  for (const signal of SIGNALS) {
    const watch = new Watch(signal, watcher, Handle, installation);
    watches.set(signal, watch).set(constants.signals[signal], watch);
  }
  // The listeners by which Node itself starts and stops to wait for a signal.
  replaceListener('newListener', 'startListeningIfSignal', installation, (event) => {
    const watch = watches.get(event);
    if (watch === undefined) return undefined;
    watch.waitUnless(true);
    return seeEmit(installation.guard(() => watcher.told(watch.signal)));
  });
  replaceListener('removeListener', 'stopListeningIfSignal', installation, (event) => {
    const watch = watches.get(event);
    return watch && (() => watch.waitUnless(process.listenerCount(event) > 0));
  });
  // A signal that the process sends to itself, and nobody handles, ends it in this call.
  before(process, 'kill', installation, (_process, [pid, signal = 'SIGTERM']: unknown[], above) => {
    if (pid === process.pid) watches.get(signal)?.end(above);
  });
}

class Watch {
  readonly signal: Signal;
  readonly #told: SignalWatcher['told'];
  readonly #ends: SignalWatcher['ends'];
  readonly #handle: SignalHandle;
  /** Nobody handles the signal. */
  #isWaiting = false;
  #isOver = false;

  constructor(
    signal: Signal,
    watcher: SignalWatcher,
    Handle: new () => SignalHandle,
    { guard }: Installation,
  ) {
    this.signal = signal;
    this.#told = guard((signal: Signal) => watcher.told(signal));
    this.#ends = guard((signal: Signal, above: StackTop | undefined) => watcher.ends(signal, above));
    this.#handle = new Handle();
    const end = guard(() => this.end(undefined));
    this.#handle.onsignal = () => {
      if (!this.#isWaiting || process.pid === 1) return;
      end();
      // Whatever became of that: with the handle open the process would not end.
      this.#handle.close();
      process.kill(process.pid, signal);
    };
    this.#handle.unref();
    this.waitUnless(process.listenerCount(signal) > 0);
  }

  waitUnless(isHandled: boolean): void {
    if (this.#isOver || this.#isWaiting === !isHandled) return;
    this.#isWaiting = !isHandled;
    if (isHandled) this.#handle.stop();
    else this.#handle.start(constants.signals[this.signal]);
  }

  /** From now on the signal does what it does. */
  end(above: StackTop | undefined): void {
    // The first process of a container is ended by no signal that it does not handle.
    if (!this.#isWaiting || this.#isOver || process.pid === 1) return;
    this.#isOver = true;
    this.#told(this.signal);
    this.#ends(this.signal, above);
    this.#handle.close();
  }
}

/** Node shows the class of its handles only to who asks what resources are made. Undefined if it does so no more. */
function handleClass(): (new () => SignalHandle) | undefined {
  let found: unknown;
  const hook = createHook({
    init(_id, type, _trigger, resource) {
      if (type === 'SIGNALWRAP') found = resource.constructor;
    },
  });
  hook.enable();
  // Of those that do nothing by themselves. If the first is listened to already, there is a handle for it.
  for (const signal of ['SIGCONT', 'SIGWINCH'] as const) {
    if (found !== undefined) break;
    process.on(signal, nothing).off(signal, nothing);
  }
  hook.disable();
  return found as (new () => SignalHandle) | undefined;
}

function nothing(): void {}

/** Node binds the `emit` that its handle is to call when it makes the handle: until what this returns is called. */
function seeEmit(see: () => void): () => void {
  const { emit } = process;
  const own = Object.getOwnPropertyDescriptor(process, 'emit');
  const value = function (this: unknown, ...args: unknown[]): unknown {
    see();
    return Reflect.apply(emit, this, args);
  };
  Object.defineProperty(process, 'emit', { value, configurable: true, writable: true });
  return () => {
    if (own === undefined) Reflect.deleteProperty(process, 'emit');
    else Object.defineProperty(process, 'emit', own);
  };
}

/**
 * Puts ours in the place of Node's own listener of this name, and calls that one.
 *
 * @param enter called before; what it returns, if anything, is called after
 */
function replaceListener(
  event: 'newListener' | 'removeListener',
  name: string,
  { guard }: Installation,
  enter: (event: string) => (() => void) | undefined,
): void {
  const emitter: NodeJS.EventEmitter = process;
  const original = emitter.rawListeners(event).find((listener) => listener.name === name) as
    | AnyFunction
    | undefined;
  const begin = guard(enter);
  const end = guard((leave: () => void) => leave());
  const { listener } = {
    listener(this: unknown, ...args: unknown[]): void {
      const leave = begin(String(args[0]));
      try {
        original?.apply(this, args);
      } finally {
        if (leave !== undefined) end(leave);
      }
    },
  };
  if (original !== undefined) {
    emitter.off(event, original);
    disguise(listener, original);
  }
  emitter.on(event, listener);
}

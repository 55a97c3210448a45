/**
 * Sends what is unsent when the process ends, however it ends: by itself, process.exit(), an uncaught
 * error, or a signal. Exit code, signal and error output stay what they are.
 */

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
type Signal = (typeof SIGNALS)[number];

/**
 * @param sendNow sends synchronously; when nobody else handles a signal it is called, then the signal does what it does
 * @param told is called at each signal, whoever handles it
 */
export function flushAtExit(sendNow: () => void, told: (signal: Signal) => void): void {
  process.on('exit', sendNow);
  const ours = new Set<unknown>();
  for (const signal of SIGNALS) {
    function onSignal(): void {
      told(signal);
      // Somebody else handles the signal and decides when to exit; that end is then seen above.
      if (process.listenerCount(signal) > 1) return;
      sendNow();
      process.removeListener(signal, onSignal);
      process.kill(process.pid, signal);
    }
    process.on(signal, onSignal);
    ours.add(onSignal);
  }
  hideListeners(ours);
}

/**
 * signal-exit, which many libraries use, ends the process when only its own listeners are there for a
 * signal. If it saw ours, each of the two would leave that to the other.
 */
function hideListeners(ours: ReadonlySet<unknown>): void {
  const { listeners } = process;
  const value = function (this: typeof process, event: never): unknown[] {
    return Reflect.apply(listeners, this, [event]).filter((listener: unknown) => !ours.has(listener));
  };
  Object.defineProperty(value, 'name', { value: 'listeners' });
  Object.defineProperty(process, 'listeners', {
    value,
    configurable: true,
    writable: true,
    enumerable: false,
  });
}

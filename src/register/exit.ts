/**
 * Signals that nobody else handles end the process without an `exit` event: this is told here, before they do. Exit code,
 * signal and error output stay what they are.
 */

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
type Signal = (typeof SIGNALS)[number];

/**
 * @param told called at each signal, whoever handles it
 * @param ending called with the signal that ends the process, since nobody handles it: which it then does
 */
export function watchSignals(told: (signal: Signal) => void, ending: (signal: Signal) => void): void {
  const ours = new Set<unknown>();
  for (const signal of SIGNALS) {
    function onSignal(): void {
      told(signal);
      // Somebody else handles the signal and decides when to exit.
      if (process.listenerCount(signal) > 1) return;
      ending(signal);
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

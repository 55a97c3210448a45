/** The signals by which somebody at a terminal, or a supervisor, ends a command. */

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
export type EndSignal = (typeof SIGNALS)[number];

const NUMBERS: Readonly<Record<EndSignal, number>> = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };

/** @returns what stops listening */
export function onEndSignal(listener: (signal: EndSignal) => void): () => void {
  for (const signal of SIGNALS) process.on(signal, listener);
  return () => {
    for (const signal of SIGNALS) process.off(signal, listener);
  };
}

export function nextEndSignal(): Promise<EndSignal> {
  return new Promise((resolve) => {
    const stop = onEndSignal((signal) => {
      stop();
      resolve(signal);
    });
  });
}

/** As shells tell that a signal ended something. */
export function exitCodeOf(signal: NodeJS.Signals): number {
  return 128 + (NUMBERS[signal as EndSignal] ?? 0);
}

/** The signals by which somebody at a terminal, or a supervisor, ends a command. */

import { constants } from 'node:os';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
export type EndSignal = (typeof SIGNALS)[number];

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
  return 128 + constants.signals[signal];
}

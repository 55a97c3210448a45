/**
 * Makes of a function one that never throws, for whoever calls it that is not ours: a listener, a subscriber,
 * a tick, a timer, a callback. What it throws is reported.
 */
export type Guard = <Self, Args extends unknown[]>(
  fn: (this: Self, ...args: Args) => void,
) => (this: Self, ...args: Args) => void;

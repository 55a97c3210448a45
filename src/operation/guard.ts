/**
 * Makes of a function one that never throws, for whoever calls it that is not ours: a listener, a subscriber,
 * a tick, a timer, a callback. What it throws is reported, and then it returns undefined.
 */
export type Guard = <Self, Args extends unknown[], Result>(
  fn: (this: Self, ...args: Args) => Result,
) => (this: Self, ...args: Args) => Result | undefined;

/** What is asked of a server, and what came of it. */

/** `cannot be told`: it was asked, and what was seen may mean either. `not asked`: why is said instead of what was seen. */
export type Verdict = 'pass' | 'fail' | 'cannot be told' | 'not asked';

export interface Check {
  /** Stays the same from version to version: `leave.downstream`, `limit.timeout-ms`. */
  readonly id: string;
  readonly asks: string;
  readonly verdict: Verdict;
  /** Times, codes, bytes; of what was not asked, why. */
  readonly seen: string;
}

/** @returns makes checks of this id */
export function checkOf(id: string, asks: string): (verdict: Verdict, seen: string) => Check {
  return (verdict, seen) => ({ id, asks, verdict, seen });
}

/** All that a server is asked, in its order. */
import type { Check } from './check.ts';
import { Examiner, type Settings } from './examiner.ts';
import { checkLeaving } from './leaving.ts';
import { GRPC_UNITS, WRONG_KINDS } from './limit-values.ts';
import { checkGrpcUnit, checkLimit } from './limits.ts';
import { checkMissing, checkWrong } from './wrong-limits.ts';

export interface Examination {
  readonly checks: readonly Check[];
  readonly requestCount: number;
  /** What the operation takes without a limit. */
  readonly fullMs: number;
}

/** To measure how long it takes, and to leave. */
const FIRST_REQUESTS = 3;

/** @returns how many requests are made at most */
export function mostRequests({
  target,
  limitHeaders,
  isEnforced,
}: Pick<Settings, 'target' | 'limitHeaders' | 'isEnforced'>): number {
  const limits = target.protocol === 'grpc' ? GRPC_UNITS.length : limitHeaders.length;
  return FIRST_REQUESTS + limits + WRONG_KINDS.length * limitHeaders.length + (isEnforced ? 1 : 0);
}

/** @throws {UserError} when it cannot be reached, or what is asked for does not succeed */
export async function examine(settings: Settings): Promise<Examination> {
  const examiner = new Examiner(settings);
  await examiner.measure();
  const checks: Check[] = [];
  for (const ask of questionsFor(examiner)) {
    // What nobody answers any more would say nothing of the question.
    if (examiner.isGone) break;
    checks.push(...(await ask()));
  }
  return { checks, requestCount: examiner.requestCount, fullMs: examiner.fullMs };
}

function questionsFor(examiner: Examiner): (() => Promise<Check[]>)[] {
  const { limitHeaders } = examiner.settings;
  const limits = examiner.isGrpc
    ? GRPC_UNITS.map((unit) => () => checkGrpcUnit(examiner, unit))
    : limitHeaders.map((header) => () => checkLimit(examiner, header));
  const wrong = limitHeaders.flatMap((header) =>
    WRONG_KINDS.map((kind) => async () => [await checkWrong(examiner, header, kind)]),
  );
  return [() => checkLeaving(examiner), ...limits, async () => [await checkMissing(examiner)], ...wrong];
}

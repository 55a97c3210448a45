/** The cases of each rule, for both its tests: on JavaScript, and with types. */
import { abortControllerUsed } from './abort-controller-used-cases.ts';
import type { RuleCases } from './cases.ts';
import { checkAfterAwait } from './check-after-await-cases.ts';
import { generatorCleanup } from './generator-cleanup-cases.ts';
import { grpcDeadline } from './grpc-deadline-cases.ts';
import { noSwallowedAbort } from './no-swallowed-abort-cases.ts';
import { noTimeoutRace } from './no-timeout-race-cases.ts';
import { passSignal } from './pass-signal-cases.ts';
import { removeAbortListener } from './remove-abort-listener-cases.ts';
import { timeoutWithinCaller } from './timeout-within-caller-cases.ts';

export const allCases: readonly RuleCases[] = [
  abortControllerUsed,
  grpcDeadline,
  noTimeoutRace,
  passSignal,
  checkAfterAwait,
  generatorCleanup,
  noSwallowedAbort,
  removeAbortListener,
  timeoutWithinCaller,
];

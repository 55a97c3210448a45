/** The cases of each rule, for both its tests: on JavaScript, and with types. */
import { abortControllerUsed } from './abort-controller-used-cases.ts';
import type { RuleCases } from './cases.ts';
import { grpcDeadline } from './grpc-deadline-cases.ts';
import { noTimeoutRace } from './no-timeout-race-cases.ts';
import { passSignal } from './pass-signal-cases.ts';

export const allCases: readonly RuleCases[] = [abortControllerUsed, grpcDeadline, noTimeoutRace, passSignal];

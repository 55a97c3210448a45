/** Everything that stands beside or on top of grpc-js: the same in every set-up. */

import { Lab } from '../integrations/grpc/lab.ts';
import type { ContractSubject } from '../support/contract.ts';
import type { Telemetry } from '../support/telemetry.ts';
import { attemptCases } from './attempts.ts';
import { clientCases } from './clients.ts';
import { connectionCases } from './connections.ts';
import { interceptorCases } from './interceptors.ts';
import { niceGrpcCases } from './nice-grpc.ts';
import { proxyCases } from './proxies.ts';

export async function neighbourCases(telemetry: Telemetry): Promise<ContractSubject> {
  const lab = await Lab.open(telemetry);
  const makers = [clientCases, interceptorCases, attemptCases, connectionCases, proxyCases, niceGrpcCases];
  const cases = [];
  for (const make of makers) cases.push(...(await make(lab)));
  return { cases, close: () => lab.close() };
}

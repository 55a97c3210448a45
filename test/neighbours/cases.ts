/** Everything that stands beside or on top of grpc-js: the same in every set-up. */
import type { ContractSubject } from '../support/contract.ts';
import type { Telemetry } from '../support/telemetry.ts';
import { attemptCases } from './attempts.ts';
import { clientCases } from './clients.ts';
import { connectionCases } from './connections.ts';
import { interceptorCases } from './interceptors.ts';
import { Lab } from './lab.ts';
import { niceGrpcCases } from './nice-grpc.ts';
import { proxyCases } from './proxies.ts';

export async function neighbourCases(telemetry: Telemetry): Promise<ContractSubject> {
  const lab = new Lab(telemetry);
  await lab.service.listen();
  const makers = [clientCases, interceptorCases, attemptCases, connectionCases, proxyCases, niceGrpcCases];
  const cases = [];
  for (const make of makers) cases.push(...(await make(lab)));
  return { cases, close: () => lab.close() };
}

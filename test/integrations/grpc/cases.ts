/** What a gRPC call can come to, and what its spans must then say: the same in every set-up. */
import type { ContractSubject } from '../../support/contract.ts';
import type { Telemetry } from '../../support/telemetry.ts';
import { clientCases } from './client-cases.ts';
import { connectionCases } from './connection-cases.ts';
import { destroyCases } from './destroy-cases.ts';
import { Lab } from './lab.ts';
import { serverCases } from './server-cases.ts';
import { shutdownCases } from './shutdown-cases.ts';
import { streamCases } from './stream-cases.ts';

export async function grpcCases(telemetry: Telemetry): Promise<ContractSubject> {
  const lab = await Lab.open(telemetry);
  const makers = [clientCases, serverCases, destroyCases, shutdownCases, connectionCases, streamCases];
  const cases = [];
  for (const make of makers) cases.push(...(await make(lab)));
  return { cases, close: () => lab.close() };
}

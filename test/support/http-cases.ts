/** Every case of node:http and node:https, for each set-up. */
import type { ContractSubject } from './contract.ts';
import { clientCases } from './http-client-cases.ts';
import { controlCases } from './http-control-cases.ts';
import { HttpLab } from './http-lab.ts';
import { libraryCases } from './http-library-cases.ts';
import { serverCases } from './http-server-cases.ts';

export async function httpCases(): Promise<ContractSubject> {
  const lab = new HttpLab();
  return {
    cases: [...controlCases(lab), ...clientCases(lab), ...serverCases(lab), ...libraryCases(lab)],
    close: () => lab.close(),
  };
}

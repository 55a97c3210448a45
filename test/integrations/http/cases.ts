/** Every case of node:http and node:https, for each set-up. */
import type { ContractSubject } from '../../support/contract.ts';
import { clientCases } from './client-cases.ts';
import { controlCases } from './control-cases.ts';
import { HttpLab } from './lab.ts';
import { libraryCases } from './library-cases.ts';
import { serverCases } from './server-cases.ts';

export async function httpCases(): Promise<ContractSubject> {
  const lab = new HttpLab();
  return {
    cases: [...controlCases(lab), ...clientCases(lab), ...serverCases(lab), ...libraryCases(lab)],
    close: () => lab.close(),
  };
}

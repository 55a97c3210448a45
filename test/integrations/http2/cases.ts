/** What an HTTP/2 stream can come to, and what its spans must then say: the same in every set-up. */
import type { ContractCase, ContractSubject } from '../../support/contract.ts';
import { clientCases } from './client-cases.ts';
import { controlCases } from './control-cases.ts';
import { Http2Lab } from './lab.ts';
import { libraryCases } from './library-cases.ts';
import { serverCases } from './server-cases.ts';

export async function http2Cases(): Promise<ContractSubject> {
  const lab = new Http2Lab();
  const cases: ContractCase[] = [
    ...(await clientCases(lab)),
    ...(await serverCases(lab)),
    ...(await controlCases(lab)),
    ...(await libraryCases(lab)),
  ];
  return { cases, close: () => lab.close() };
}

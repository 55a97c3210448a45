import type { ContractSubject } from '../support/contract.ts';
import { allClientCases } from './client-cases.ts';
import { axios } from './clients/axios.ts';
import { got, gotStream } from './clients/got.ts';
import { nodeFetch } from './clients/node-fetch.ts';
import { superagent } from './clients/superagent.ts';

export function httpClientCases(): Promise<ContractSubject> {
  return allClientCases([axios, got, gotStream, nodeFetch, superagent]);
}

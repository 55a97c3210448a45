import type { ContractSubject } from '../support/contract.ts';
import { allClientCases } from './client-cases.ts';
import { axios, axiosFetch } from './clients/axios.ts';
import { got, gotStream } from './clients/got.ts';
import { ky } from './clients/ky.ts';
import { nodeFetch } from './clients/node-fetch.ts';
import { superagent } from './clients/superagent.ts';

export function httpClientCases(): Promise<ContractSubject> {
  return allClientCases([axios, axiosFetch, got, gotStream, ky, nodeFetch, superagent]);
}

import type { ContractSubject } from '../support/contract.ts';
import { allClientCases } from './client-cases.ts';
import { axiosFetch } from './clients/axios.ts';
import { ky } from './clients/ky.ts';

/** Clients on fetch(): nobody sees their requests but the integration of undici. */
export function fetchClientCases(): Promise<ContractSubject> {
  return allClientCases([axiosFetch, ky]);
}

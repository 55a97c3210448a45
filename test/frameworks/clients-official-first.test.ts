import { contractSuite } from '../support/contract.ts';
import { httpClientCases } from './clients.ts';

await contractSuite('HTTP clients', 'official first', httpClientCases);

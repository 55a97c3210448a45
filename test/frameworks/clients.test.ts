import { contractSuite } from '../support/contract.ts';
import { setup } from '../support/setup.ts';
import { httpClientCases } from './clients.ts';

await contractSuite('HTTP clients', setup, httpClientCases);

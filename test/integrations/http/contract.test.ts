import { contractSuite } from '../../support/contract.ts';
import { setup } from '../../support/setup.ts';
import { httpCases } from './cases.ts';

await contractSuite('node:http', setup, httpCases);

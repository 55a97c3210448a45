import { contractSuite } from '../support/contract.ts';
import { setup } from '../support/setup.ts';
import { serverFrameworkCases } from './servers.ts';

await contractSuite('frameworks', setup, serverFrameworkCases);

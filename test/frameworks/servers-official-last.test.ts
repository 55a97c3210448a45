import { contractSuite } from '../support/contract.ts';
import { serverFrameworkCases } from './servers.ts';

await contractSuite('frameworks', 'official last', serverFrameworkCases);

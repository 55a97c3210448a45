import { contractSuite } from '../support/contract.ts';
import { setup } from '../support/setup.ts';
import { neighbourCases } from './cases.ts';

await contractSuite('neighbours of gRPC', setup, neighbourCases);

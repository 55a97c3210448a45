import { contractSuite } from '../support/contract.ts';
import { neighbourCases } from './cases.ts';

await contractSuite('neighbours of gRPC', 'alone', neighbourCases);

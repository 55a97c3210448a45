import { contractSuite } from '../../support/contract.ts';
import { setup } from '../../support/setup.ts';
import { grpcCases } from './cases.ts';

await contractSuite('gRPC', setup, grpcCases);

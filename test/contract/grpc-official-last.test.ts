import { contractSuite } from '../support/contract.ts';
import { grpcCases } from '../support/grpc-cases.ts';

await contractSuite('gRPC', 'official last', grpcCases);

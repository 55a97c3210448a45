import { contractSuite } from '../support/contract.ts';
import { http2Cases } from '../support/http2-cases.ts';

await contractSuite('HTTP/2', 'alone', http2Cases);

import { contractSuite } from '../support/contract.ts';
import { httpCases } from '../support/http-cases.ts';

await contractSuite('node:http', 'alone', httpCases);

import { contractSuite } from '../../support/contract.ts';
import { setup } from '../../support/setup.ts';
import { http2Cases } from './cases.ts';

await contractSuite('HTTP/2', setup, http2Cases);

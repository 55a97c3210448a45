import { contractSuite } from '../../support/contract.ts';
import { setup } from '../../support/setup.ts';
import { prepareUndici } from './cases.ts';

await contractSuite('fetch and undici', setup, prepareUndici);

import { contractSuite } from '../support/contract.ts';
import { prepareUndici } from '../support/undici-subject.ts';

await contractSuite('fetch and undici', 'alone', prepareUndici);

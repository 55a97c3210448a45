import { setup } from '../../support/setup.ts';
import { queueSuite } from './queue-suite.ts';

await queueSuite(setup);

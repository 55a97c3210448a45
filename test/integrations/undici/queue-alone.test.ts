import { queueSuite } from '../../support/undici-queue.ts';

await queueSuite('alone');

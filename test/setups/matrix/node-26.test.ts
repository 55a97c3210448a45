import { managerNames } from '../support/cache.ts';
import { testSetups } from '../support/matrix.ts';

testSetups('26', managerNames);

import { managerNames } from '../support/cache.ts';
import { testSetups } from '../support/matrix.ts';

testSetups('20.19.0', managerNames);

import { testSetups } from '../support/matrix.ts';

testSetups('24', ['npm']);

import { testSetups } from '../support/matrix.ts';

testSetups('22', ['npm']);

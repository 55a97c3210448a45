import { testSetups } from '../support/matrix.ts';

testSetups('22.12.0', ['npm']);

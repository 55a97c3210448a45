import { testSetups } from '../support/matrix.ts';

testSetups('20', ['npm']);

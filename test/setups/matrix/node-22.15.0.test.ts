import { testSetups } from '../support/matrix.ts';

testSetups('22.15.0', ['npm', 'yarn 4 PnP']);

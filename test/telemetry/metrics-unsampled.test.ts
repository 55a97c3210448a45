import { setup } from '../support/setup.ts';
import { metricsSuite } from './metrics-suite.ts';

await metricsSuite(setup, false);

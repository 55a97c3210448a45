import { modelApiSuite } from './suite.ts';

await modelApiSuite('propagate');

import { metricsSuite } from '../support/metrics-suite.ts';
import type { Setup } from '../support/telemetry.ts';

await metricsSuite((process.env.SETUP ?? 'alone') as Setup, false);

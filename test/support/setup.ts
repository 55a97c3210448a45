import type { Setup } from './telemetry.ts';

/** The set-up that this run of the file is for: the runner starts a file that imports this once for each. */
export const setup: Setup = (process.env.SETUP ?? 'alone') as Setup;

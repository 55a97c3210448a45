import { register } from 'node:module';

// Before anything of ours is loaded.
register('../../support/sabotage-loader.mjs', import.meta.url);
const { sabotageSuite } = await import('../../support/sabotage.ts');
const { Telemetry } = await import('../../support/telemetry.ts');
const { prepareUndici } = await import('./cases.ts');

const telemetry = new Telemetry('alone');
sabotageSuite('fetch and undici', telemetry, await prepareUndici(telemetry));

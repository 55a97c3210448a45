import { register } from 'node:module';

// Before anything of ours is loaded.
register('../../support/sabotage-loader.mjs', import.meta.url);
const { sabotageSuite } = await import('../../support/sabotage.ts');
const { Telemetry } = await import('../../support/telemetry.ts');
const telemetry = new Telemetry('alone');
const { SERVICES } = await import('./services.ts');

/** Closed while one is in flight that it answers, and one that is cut. */
async function stage(open: () => Promise<Awaited<ReturnType<(typeof SERVICES)[string]>>>): Promise<void> {
  const service = await open();
  const answered = await service.request();
  await service.request();
  service.close();
  answered.answer();
  service.cut();
  service.stop();
}

const cases = Object.entries(SERVICES).map(([name, open]) => ({ name, stage: () => stage(open) }));
sabotageSuite('servers that are closed', telemetry, { cases, close: async () => {} });

/** A process that runs programs: `worker.js plain`, `instrumented`, or `tampered`, which does what an instrumentation must not do. */
import { subscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { ClientRequest } from 'node:http';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import type { Program } from './program.ts';

if (process.argv[2] === 'instrumented') {
  const exporter = {
    export: (_spans: unknown, done: (result: { code: number }) => void) => done({ code: 0 }),
    shutdown: async () => {},
  };
  new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();
  const { CancellationInstrumentation } = await import('../../src/index.ts');
  registerInstrumentations({ instrumentations: [new CancellationInstrumentation()] });
}
if (process.argv[2] === 'tampered') {
  subscribe('http.client.request.start', (message) => {
    (message as { request: ClientRequest }).request.on('socket', () => {});
  });
}
const { World } = await import('./world.ts');
const world = await World.open();
const unhandled: string[] = [];
for (const name of ['unhandledRejection', 'uncaughtException'])
  process.on(name, (error: unknown) => unhandled.push(`${name} ${String(error)}`));
process.on('message', async (program: Program) => {
  const stories = await world.run(program);
  process.send?.({ stories, unhandled: unhandled.splice(0) });
});
process.send?.('ready');
await once(process, 'disconnect');
world.close();

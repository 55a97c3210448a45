/** docs/troubleshooting.md: what its commands print that ask a Jaeger. */
import { after, before, describe, it } from 'node:test';
import { readPage } from '../../docs/pages.ts';
import { assertPrinted, Folder, transcriptsIn } from '../../docs/transcripts.ts';
import { type JaegerServer, startJaeger } from '../../support/jaeger.ts';
import { findOrBuildJaeger } from '../../support/jaeger-binary.ts';

const found = await findOrBuildJaeger();
const skip = 'unavailable' in found ? found.unavailable : false;
const page = readPage('docs/troubleshooting.md');
const folder = new Folder(page);
let jaeger: JaegerServer;

describe('docs/troubleshooting.md, with a real Jaeger', { skip }, () => {
  before(async () => {
    jaeger = await startJaeger((found as { binary: string }).binary);
    const env = { OTEL_SERVICE_NAME: 'shop', OTEL_EXPORTER_OTLP_ENDPOINT: jaeger.otlpHttpUrl };
    await folder.run('node --import opentelemetry-instrumentation-cancellation/register try.mjs', env);
  });
  after(async () => {
    await jaeger.stop();
    folder.remove();
  });

  for (const { command, printed } of transcriptsIn(page)) {
    if (!/^curl|:16686/.test(command)) continue;
    it(`${command}: ${printed.join(' ')}`, async () => {
      const [otlp, query] = [jaeger.otlpHttpUrl, jaeger.queryUrl];
      const here = command.replace('http://localhost:4318', otlp).replace('http://localhost:16686', query);
      const output = await folder.run(here);
      // What curl prints has no line break at its end.
      const lines = output.replaceAll(query, 'http://localhost:16686').replace(/\n?$/, '\n');
      assertPrinted(lines, printed);
    });
  }
});

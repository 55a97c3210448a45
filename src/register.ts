/**
 * Zero-code entry: `node --import opentelemetry-instrumentation-cancellation/register app.js` (or `--require`).
 * Sets up a tracer provider, a batching OTLP/HTTP exporter and the instrumentation, all by the usual OTEL_*
 * variables, and sends what is left when the process ends.
 *
 * Whatever is wrong with the set-up is said in one line on stderr; the application always starts.
 */
import { createRequire } from 'node:module';
import { missingApi } from './register/installed-api.ts';
import { PACKAGE_NAME } from './version.ts';

function warn(message: string): void {
  process.stderr.write(`${PACKAGE_NAME}: ${message}\n`);
}

const require = createRequire(import.meta.url);
try {
  const missing = missingApi(require);
  if (missing !== undefined) warn(`not started: ${missing}`);
  // By require(): an import of what needs a missing package would end the process, and one that is awaited cannot be
  // loaded by --require.
  else (require('./register/start.js') as typeof import('./register/start.ts')).start(warn);
} catch (error) {
  warn(`not started: ${String(error)}. The application runs without cancellation telemetry.`);
}

/** What is wrong with the set-up, said once in a process: to the application's logger, or where it has none, to stderr. */
import { diag } from '@opentelemetry/api';
import { globalApi } from '../global-api.ts';
import { hearComplaint } from '../self-report.ts';
import { PACKAGE_NAME } from '../version.ts';

const said = new Set<string>();

export function sayOnce(text: string): void {
  if (said.has(text) || process.env.OTEL_LOG_LEVEL?.toUpperCase() === 'NONE') return;
  said.add(text);
  hearComplaint('spans', text);
  const line = `${PACKAGE_NAME}: ${text}`;
  // Without a logger nobody hears what is told to diag.
  if (globalApi()?.diag !== undefined) diag.warn(line);
  else process.stderr.write(`${line}\n`);
}

#!/usr/bin/env node
/** The command: `opentelemetry-instrumentation-cancellation report <file or URL>`. */
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { findingsOf } from './findings.ts';
import { askJaeger, isJaeger, spansOfJaeger } from './jaeger.ts';
import { isOtlp, spansOfOtlp } from './otlp.ts';
import { drawReport } from './report.ts';
import type { ExportedSpan } from './span.ts';

const USAGE = `usage: opentelemetry-instrumentation-cancellation report [options] <source>

Lists broken propagation of cancels and deadlines: the findings that spans have, and deadlines that were lost
between client and server. Exits with 1 when there are any, with 2 when the source cannot be read.

  source           a file of spans as OTLP JSON, one object or one a line, or as Jaeger's user interface
                   downloads them; or the URL of a Jaeger, such as http://localhost:16686
  --service NAME   of Jaeger: traces of this service only
  --since MINUTES  of Jaeger: how far back (default 60)
`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      service: { type: 'string' },
      since: { type: 'string', default: '60' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const [command, source, ...others] = positionals;
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const minutes = Number(values.since);
  if (command !== 'report' || source === undefined || others.length > 0) throw new Error('bad arguments');
  if (!(minutes > 0)) throw new Error(`--since must be a number of minutes, but is ${values.since}`);
  const isUrl = /^https?:\/\//.test(source);
  const spans = isUrl ? await askJaeger(source, values.service, minutes * 60_000) : await readSpans(source);
  const findings = findingsOf(spans);
  process.stdout.write(drawReport(findings, spans.length));
  return findings.length > 0 ? 1 : 0;
}

async function readSpans(file: string): Promise<ExportedSpan[]> {
  const text = await readFile(file, 'utf8');
  return documentsIn(text).flatMap((json) => {
    if (isOtlp(json)) return spansOfOtlp(json);
    if (isJaeger(json)) return spansOfJaeger(json);
    throw new Error(`${file}: neither OTLP nor a download of Jaeger's`);
  });
}

/** One document, or one a line. */
function documentsIn(text: string): unknown[] {
  try {
    return [JSON.parse(text)];
  } catch {
    return text
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line) => JSON.parse(line));
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`opentelemetry-instrumentation-cancellation: ${message}\n\n${USAGE}`);
  process.exitCode = 2;
}

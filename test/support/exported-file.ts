/** Spans as a file that an exporter's requests were written to, one a line, as the Collector's file exporter does. */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';

/** @returns the file, a new one in the folder */
export async function exportedFile(spans: readonly ReadableSpan[], folder: string): Promise<string> {
  const bodies: string[] = [];
  const receiver = http.createServer(async (request, response) => {
    bodies.push(await text(request));
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  await exportTo(`http://127.0.0.1:${(receiver.address() as { port: number }).port}`, spans);
  receiver.close();
  const file = join(folder, `${bodies.length}-${Math.random()}.jsonl`);
  writeFileSync(file, `${bodies.join('\n')}\n`);
  return file;
}

async function exportTo(url: string, spans: readonly ReadableSpan[]): Promise<void> {
  const exporter = new OTLPTraceExporter({ url: `${url}/v1/traces` });
  const half = Math.ceil(spans.length / 2);
  for (const batch of [spans.slice(0, half), spans.slice(half)]) {
    await new Promise((resolve, reject) =>
      exporter.export([...batch], ({ error }) => (error ? reject(error) : resolve(undefined))),
    );
  }
  await exporter.shutdown();
}

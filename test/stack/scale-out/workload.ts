/** Runs the workload, in two processes, against a receiver of OTLP over HTTP. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { Plan, Visits } from './visitor.ts';

/** Resolves when both processes have sent all their spans. */
export async function runWorkload(otlpHttpUrl: string, plan: Plan): Promise<Visits> {
  const shop = start('shop.ts', otlpHttpUrl);
  try {
    const [line] = (await once(shop.stdout, 'data')) as [Buffer];
    const visitor = start('visitor.ts', otlpHttpUrl, String(line).trim(), JSON.stringify(plan));
    const [output, [code]] = await Promise.all([text(visitor.stdout), once(visitor, 'close')]);
    if (code !== 0) throw new Error(`the visitor ended with ${code}`);
    // A handler may be at work still; the shop leaves when its last span has.
    shop.stdin.end();
    await once(shop, 'close');
    return JSON.parse(output) as Visits;
  } finally {
    shop.kill('SIGKILL');
  }
}

function start(script: string, ...args: string[]): ChildProcessByStdio<Writable, Readable, null> {
  const file = fileURLToPath(new URL(script, import.meta.url));
  return spawn(process.execPath, ['--import', 'tsx', file, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
}

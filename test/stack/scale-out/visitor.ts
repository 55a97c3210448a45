/**
 * The client of the workload, in a process of its own: `visitor.ts <OTLP/HTTP URL> <URL of the shop> <plan>`.
 * Each visit is one trace, with a span of its own as the root. Prints the ids of the traces.
 */
import { trace } from '@opentelemetry/api';
import { startTelemetry } from './telemetry.ts';

export type Kind = 'done' | 'cancelled' | 'late' | 'asking' | 'workedOn';
/** How many visits of each kind. */
export type Plan = Record<Kind, number>;
/** Trace ids by kind. */
export type Visits = Record<Kind, string[]>;
/** Of a visit: those of the visitor and those of the shop, without work after a cancel. */
export const spansOf: Record<Kind, number> = {
  done: 3, // root, CLIENT, SERVER
  cancelled: 3,
  late: 3,
  asking: 5, // and the CLIENT and the SERVER span of the request that the shop makes
  workedOn: 3,
};
const inFlight = 8;
const timeLimitMs = 250;

/** What each does until its response has ended, or will not. */
const visits: Record<Kind, (shop: string) => Promise<unknown>> = {
  done: async (shop) => (await fetch(`${shop}/done`)).text(),
  cancelled: (shop) => leave(`${shop}/held`),
  late: async (shop) => {
    const headers = { 'timeout-ms': String(timeLimitMs) };
    const held = await fetch(`${shop}/held`, { headers, signal: AbortSignal.timeout(timeLimitMs) });
    return held.text();
  },
  asking: async (shop) => (await fetch(`${shop}/asks`, { headers: { 'timeout-ms': '50' } })).text(),
  workedOn: (shop) => leave(`${shop}/works-on`),
};

async function leave(url: string): Promise<void> {
  const controller = new AbortController();
  const response = await fetch(url, { signal: controller.signal });
  const body = response.text();
  controller.abort();
  await body;
}

async function visit(kind: Kind, shop: string): Promise<string> {
  return await trace.getTracer('visitor').startActiveSpan(kind, async (span) => {
    await visits[kind](shop).catch((error: Error) => {
      if (error.name !== 'AbortError' && error.name !== 'TimeoutError') throw error;
    });
    span.end();
    return span.spanContext().traceId;
  });
}

async function visitAll(shop: string, plan: Plan): Promise<Visits> {
  const made: Visits = { done: [], cancelled: [], late: [], asking: [], workedOn: [] };
  const queue = (Object.keys(plan) as Kind[])
    .flatMap((kind) => Array<Kind>(plan[kind]).fill(kind))
    .sort(() => Math.random() - 0.5);
  async function lane(): Promise<void> {
    for (let kind = queue.pop(); kind !== undefined; kind = queue.pop())
      made[kind].push(await visit(kind, shop));
  }
  await Promise.all(Array.from({ length: inFlight }, lane));
  return made;
}

if (process.argv[1] === import.meta.filename) {
  const [, , otlpHttpUrl = '', shop = '', plan = ''] = process.argv;
  const sendAll = startTelemetry('visitor', otlpHttpUrl);
  const made = await visitAll(shop, JSON.parse(plan) as Plan);
  await sendAll();
  process.stdout.write(JSON.stringify(made));
}

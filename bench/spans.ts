/**
 * What it costs that spans of others are seen: one is started and ended, in the context of a request that is in flight or in
 * none, by a provider that is watched and by the same kind of provider that is not. Turns are short and mixed.
 */
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { cpus, loadavg } from 'node:os';
import { type Context, context, ROOT_CONTEXT, SpanKind, type Tracer } from '@opentelemetry/api';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { estimate } from './statistics.ts';

const { CancellationInstrumentation } = await import(new URL('../dist/index.js', import.meta.url).href);

const ROUNDS = 300;
const SPANS = 1_000;
const LIMIT_US = 1;

/** Drops what it gets. */
const nowhere = { onStart() {}, onEnd() {}, forceFlush: async () => {}, shutdown: async () => {} };
const watchedProvider = new NodeTracerProvider({ spanProcessors: [nowhere] });
const otherProvider = new NodeTracerProvider({ spanProcessors: [nowhere] });
watchedProvider.register();
const watched = watchedProvider.getTracer('bench');
const other = otherProvider.getTracer('bench');

/** Runs in the context of a request that nobody cancels. */
async function inRequest(capturePendingStack: boolean, run: () => void): Promise<void> {
  const instrumentation = new CancellationInstrumentation({ capturePendingStack });
  instrumentation.setTracerProvider(watchedProvider);
  const server = http.createServer((_request, response) => {
    run();
    response.end();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const [response] = await once(http.get({ port, host: '127.0.0.1', agent: false }), 'response');
  response.resume();
  await once(response, 'end');
  server.close();
  instrumentation.disable();
}

/** @returns µs of CPU time for one span */
function measure(tracer: Tracer, kind: SpanKind, within: Context): number {
  const before = process.cpuUsage();
  for (let count = 0; count < SPANS; count++) tracer.startSpan('SELECT', { kind }, within).end();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / SPANS;
}

let isMissed = false;

function compare(what: string, kind: SpanKind, within: Context): void {
  const added: number[] = [];
  const bare: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const isFirst = round % 2 === 0;
    const first = measure(isFirst ? watched : other, kind, within);
    const second = measure(isFirst ? other : watched, kind, within);
    // What comes first is not yet compiled.
    if (round < ROUNDS / 10) continue;
    bare.push(isFirst ? second : first);
    added.push(isFirst ? first - second : second - first);
  }
  const { median, interval = [Number.NaN, Number.NaN] } = estimate(added);
  if (interval[0] > LIMIT_US) isMissed = true;
  const range = interval.map((value) => value.toFixed(2)).join('…');
  console.log(
    `${what.padEnd(44)} ${estimate(bare).median.toFixed(2).padStart(6)} ${median.toFixed(2).padStart(6)} (${range})`,
  );
}

console.log(`Node ${process.versions.node}, ${cpus().length} cores, load ${loadavg()[0]?.toFixed(1)}`);
console.log(
  `µs of CPU for a span, started and ended${' '.repeat(7)}  bare  added (95 % interval of the median)\n`,
);
await inRequest(false, () => {
  compare('in no request', SpanKind.CLIENT, ROOT_CONTEXT);
  compare('INTERNAL, in a request', SpanKind.INTERNAL, context.active());
  compare('CLIENT, in a request, no line wanted', SpanKind.CLIENT, context.active());
});
await inRequest(true, () => compare('CLIENT, in a request', SpanKind.CLIENT, context.active()));
if (isMissed) {
  console.log(`\nMore than ${LIMIT_US} µs.`);
  process.exitCode = 1;
}

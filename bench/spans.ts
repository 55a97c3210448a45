/**
 * What it costs that spans of others are seen: one is started and ended, in the context of a request that is in flight or in
 * none, by a provider that is watched and by the same kind of provider that is not. And what it costs that an outgoing operation of
 * ours keeps the line that started it (`capturePendingStack`). Turns are short and mixed.
 */
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { cpus, loadavg } from 'node:os';
import { type Context, context, ROOT_CONTEXT, SpanKind, type Tracer } from '@opentelemetry/api';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import type { Host } from 'opentelemetry-instrumentation-cancellation';
import { estimate } from './statistics.ts';

const { CancellationInstrumentation } = await import(new URL('../dist/index.js', import.meta.url).href);

const ROUNDS = 300;
const SPANS = 1_000;
const LIMIT_US = 1;
/** The aim is 3, which is less than V8 needs for any stack. */
const STACK_LIMIT_US = 15;
/** Calls between a handler and what it starts. */
const DEPTH = 20;

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

const missed: string[] = [];

function compareSpans(what: string, kind: SpanKind, within: Context): void {
  compare(
    what,
    LIMIT_US,
    () => measure(watched, kind, within),
    () => measure(other, kind, within),
  );
}

/** @returns what measures µs of CPU time for one outgoing operation in an incoming one, its span started and ended */
function operationsOf(capturePendingStack: boolean): () => number {
  const hosts: Host[] = [];
  const integration = {
    // Of two with one name the second stands back.
    name: `bench, ${capturePendingStack}`,
    install(host: Host) {
      hosts.push(host);
      return () => {};
    },
  };
  const options = { capturePendingStack, integrations: [integration] };
  new CancellationInstrumentation(options).setTracerProvider(
    new NodeTracerProvider({ spanProcessors: [nowhere] }),
  );
  const [host] = hosts;
  if (host === undefined) throw new Error('the integration was not installed');
  const incoming = host.start({ side: 'server', system: 'http', name: 'GET', attributes: {} });
  const operate = (depth: number): void => {
    if (depth > 0) operate(depth - 1);
    else host.settle(host.start({ side: 'client', system: 'http', name: 'GET', attributes: {} }));
  };
  const turn = (): number => {
    const before = process.cpuUsage();
    for (let count = 0; count < SPANS; count++) operate(DEPTH);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / SPANS;
  };
  return () => host.run(incoming, turn, undefined, []);
}

function compare(what: string, limitUs: number, one: () => number, two: () => number): void {
  const added: number[] = [];
  const bare: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const isFirst = round % 2 === 0;
    const first = (isFirst ? one : two)();
    const second = (isFirst ? two : one)();
    // What comes first is not yet compiled.
    if (round < ROUNDS / 10) continue;
    bare.push(isFirst ? second : first);
    added.push(isFirst ? first - second : second - first);
  }
  const { median, interval = [Number.NaN, Number.NaN] } = estimate(added);
  if (interval[0] > limitUs) missed.push(`${what}: more than ${limitUs} µs.`);
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
  compareSpans('in no request', SpanKind.CLIENT, ROOT_CONTEXT);
  compareSpans('INTERNAL, in a request', SpanKind.INTERNAL, context.active());
  compareSpans('CLIENT, in a request, no line wanted', SpanKind.CLIENT, context.active());
});
await inRequest(true, () => compareSpans('CLIENT, in a request', SpanKind.CLIENT, context.active()));
compare('operation of ours, its line kept', STACK_LIMIT_US, operationsOf(true), operationsOf(false));
for (const line of missed) {
  console.log(line);
  process.exitCode = 1;
}

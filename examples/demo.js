// npm run demo: runs the shop in four processes and a PostgreSQL, lets browsers leave and deadlines pass,
// restarts one of them under load, and prints who cancelled what. Needs no Docker; uses a Jaeger if one runs.
// At a terminal it shows the page of `cancel-trace` as well, and stays until Ctrl-C; with --no-page it does not.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startDatabase } from './database.js';
import { startProcess } from './processes.js';

const limitMs = 60_000;
/** What the new stock is deployed with: queries end with the request that they are for. */
const cure = { propagate: { cancel: true } };
const hasPage = process.stdout.isTTY === true && !process.argv.includes('--no-page');
let isOver = false;
const root = fileURLToPath(new URL('..', import.meta.url));

for (const [signal, exitCode] of Object.entries({ SIGINT: 130, SIGTERM: 143, SIGHUP: 129 })) {
  process.once(signal, () => process.exit(isOver ? 0 : exitCode));
}
const limit = setTimeout(() => fail(new Error(`not finished after ${limitMs / 1000} s`)), limitMs).unref();

try {
  await runDemo();
} catch (error) {
  fail(error);
}

async function runDemo() {
  if (!existsSync(new URL('../dist/register.js', import.meta.url))) {
    throw new Error('dist/register.js is missing: run `npm ci` first');
  }
  const { chooseBackend } = await import('./backend.js');
  const { cancelPathsOf, drawPaths, drawTraces, isCancelled } = await import('../dist/cli/parts.js');
  const { drawDatabaseTime } = await import('./database-time.js');
  const backend = await chooseBackend(process.env);
  console.log(`Spans go to ${backend.name}.`);
  if (hasPage && backend.endpoint === backend.pageUrl) console.log(`See them come: ${backend.pageUrl}`);
  const databaseUrl = await startDatabase().catch(goOnWithout);
  const curedAtMs = await runShop(backend, databaseUrl);

  const spans = await backend.collect();
  console.log('\nWho cancelled what (→ client span, ← server span):\n');
  process.stdout.write(drawTraces(spans, { cwd: process.cwd(), isColoured: isColoured() }));
  drawPathsOfBrowsers(cancelPathsOf(spans), drawPaths);
  drawDeploy(spans);
  process.stdout.write(drawDatabaseTime(spans, { cwd: process.cwd(), curedAtMs }));
  summarize(spans, spans.filter(isCancelled));
  for (const link of backend.links) console.log(`See also ${link}`);
  await backend.finish();
  clearTimeout(limit);
  isOver = true;
  if (hasPage) {
    console.log(`\nThe demo is over. ${backend.pageUrl} shows it until Ctrl-C.`);
    await new Promise(() => {});
  }
  await backend.close();
}

function goOnWithout({ message }) {
  console.log(`No database, and no queries for nobody: ${message}`);
}

/** Starts the services, sends them the load, and stops them, so that all their spans are exported.
 *
 * @returns when it began to deploy the cure, in ms since the epoch */
async function runShop({ endpoint, pageUrl }, databaseUrl) {
  console.log();
  const start = (name, env, options = {}) =>
    startOne(name, endpoint, {
      ...env,
      ...optionsOf({ ...(hasPage && endpoint === pageUrl && { announceWork: true }), ...options }),
    });
  const startStock = (env, options) =>
    start('stock', { ...env, ...(databaseUrl && { DATABASE_URL: databaseUrl }) }, options);
  const stock = startStock({ DRAIN_LIMIT_MS: '300' });
  const stockUrl = await stock.listening;
  const orders = start('orders', { STOCK_URL: stockUrl });
  const ordersAddress = await orders.listening;
  const gateway = start('gateway', { STOCK_URL: stockUrl, ORDERS_ADDRESS: ordersAddress });
  const gatewayUrl = await gateway.listening;
  const browsers = (scenario) =>
    start('load', { OTEL_SERVICE_NAME: 'browser', GATEWAY_URL: gatewayUrl, SCENARIO: scenario });
  await Promise.all([browsers('visits').ended, databaseUrl && browsers('inventory').ended]);

  const curedAtMs = Date.now();
  const newStock = await deploy(stock, browsers('deploy'), () =>
    startStock({ PORT: new URL(stockUrl).port }, cure),
  );
  if (databaseUrl) await browsers('inventory').ended;
  // One after the other: orders may still be at work, with the help of stock.
  for (const service of [gateway, orders, newStock]) await service.stop();
  return curedAtMs;
}

/** Restarts stock while browsers wait for it. */
async function deploy(stock, browsers, startAnew) {
  await browsers.line(/lamp/);
  console.log('demo    │ deploys stock: SIGTERM, and then with propagate.cancel');
  await stock.stop();
  const newStock = startAnew();
  await newStock.listening;
  await browsers.ended;
  return newStock;
}

function startOne(name, endpoint, env) {
  return startProcess(`examples/shop/${name}.js`, {
    cwd: root,
    env: { ...environmentFor(endpoint), OTEL_SERVICE_NAME: name, ...env },
    isService: name !== 'load',
    preloaded: name === 'stock' ? ['./examples/shop/pg-spans.js'] : [],
    onLine: (line) => console.log(`${name.padEnd(7)} │ ${line}`),
    onDeath: fail,
  });
}

/** Those of whoever runs the demo stay, where there are none of its own. */
function optionsOf(options) {
  return Object.keys(options).length === 0
    ? {}
    : { OTEL_INSTRUMENTATION_CANCELLATION_CONFIG: JSON.stringify(options) };
}

/** Settings of whoever runs the demo must not send its spans elsewhere, or nowhere. */
function environmentFor(endpoint) {
  const isHarmless = /^(?!OTEL_)|^OTEL_(LOG_LEVEL$|INSTRUMENTATION_|EXPORTER_OTLP_(TRACES_)?HEADERS$)/;
  const inherited = Object.entries(process.env).filter(([name]) => isHarmless.test(name));
  return {
    ...Object.fromEntries(inherited),
    HOST: '127.0.0.1',
    PORT: '0',
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
  };
}

/** Hop by hop, how far a browser's leaving got; as `report` tells it. */
function drawPathsOfBrowsers(all, drawPaths) {
  const paths = all.filter(({ hops: [first] }) => first.service === 'browser');
  const beginMs = ({ hops: [first] }) => first.span.startMs;
  console.log(
    'How far it was told, hop by hop, when a browser left (✓ yes, ✗ no, – nothing to do, ? unknown):\n',
  );
  console.log(drawPaths(paths.sort((a, b) => beginMs(a) - beginMs(b))).replaceAll(`${process.cwd()}/`, ''));
}

/** What the end of a process has cut, and the shutdown that it was part of. */
function drawDeploy(spans) {
  const cut = spans.filter(
    ({ attributes, kind }) => attributes['cancel.trigger'] === 'exit' && kind === 'server',
  );
  for (const { serviceName, attributes, startMs, endMs } of spans.filter(({ name }) => name === 'shutdown')) {
    if (!attributes['shutdown.cut']) continue;
    const { 'shutdown.trigger': trigger, 'shutdown.cut': count } = attributes;
    console.log(
      `The deploy of ${serviceName} (${trigger}, drained for ${Math.round(endMs - startMs)} ms) cut ${count} requests:\n`,
    );
  }
  for (const { attributes } of cut) {
    const origin = String(attributes['cancel.origin']).replace(`${process.cwd()}/`, '');
    console.log(
      `  ${attributes['http.request.method']} ${attributes['url.path']}`.padEnd(32),
      `at ${origin}`,
    );
  }
  console.log();
}

function summarize(spans, cancelled) {
  if (cancelled.length === 0) {
    throw new Error(`no cancelled span arrived (of ${spans.length} spans in all)`);
  }
  const traceCount = countTraces(spans);
  const cancelledTraceCount = countTraces(cancelled);
  console.log(
    `${spans.length} spans in ${traceCount} traces, ${cancelled.length} of them cancelled, in ${cancelledTraceCount} traces.\n` +
      `The other ${traceCount - cancelledTraceCount} traces, healthy ones and a plain failure, carry no such mark.`,
  );
}

function countTraces(spans) {
  return new Set(spans.map((span) => span.traceId)).size;
}

function isColoured() {
  return Boolean(process.stdout.isTTY) && !process.env.NO_COLOR;
}

/** Leaves at once; the children are killed on the way out. */
function fail(error) {
  console.error(`\nThe demo failed: ${error.message}`);
  process.exit(1);
}

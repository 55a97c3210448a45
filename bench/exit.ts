/**
 * How many of 10 000 operations that are in flight when a process ends are exported in the time that there is, on a machine that is quiet
 * or busy: `npm run bench:exit`. Each run is a process of its own.
 *
 *   --loads 0,4,12      processes that keep a core busy, beside
 *   --runs 5            of each
 *   --register file     another build; given twice, they take turns
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Sink } from './scale/sink.ts';

const REQUESTS = 10_000;

const { values } = parseArgs({
  options: {
    loads: { type: 'string', default: '0,4,12' },
    runs: { type: 'string', default: '5' },
    register: {
      type: 'string',
      multiple: true,
      default: [fileURLToPath(new URL('../dist/register.js', import.meta.url))],
    },
  },
});

/**
 * Has exported something before, as a service has. Each connection has many requests, whose answers would have to wait for each other.
 *
 * @param outgoing whether each asks another server
 */
const program = (outgoing: boolean): string => `
  const http = require('node:http');
  const net = require('node:net');
  const agent = new http.Agent({ maxSockets: 10 });
  const upstream = net.createServer((socket) => socket.on('error', () => {}).resume());
  let arrived = 0;
  let before;
  process.on('exit', () => {
    const { user, system } = process.cpuUsage(before);
    require('node:fs').writeSync(1, String((user + system) / 1000));
  });
  function end() {
    before = process.cpuUsage();
    process.exit(0);
  }
  const server = http.createServer((request, response) => {
    if (request.url === '/first') return response.end();
    if (${outgoing}) http.get({ host: '127.0.0.1', port: upstream.address().port, agent }).on('error', () => {});
    if (++arrived === ${REQUESTS}) setTimeout(() => { console.log('end'); setImmediate(end); }, 200);
  });
  upstream.listen(0, '127.0.0.1', () => server.listen(0, '127.0.0.1', () => {
    const first = { host: '127.0.0.1', port: server.address().port, path: '/first', agent: false };
    http.get(first, (response) => response.resume().on('end', () => setTimeout(flood, 1_000)));
  }));
  function flood() {
    for (let connection = 0; connection < 10; connection++) {
      net.connect(server.address().port, '127.0.0.1').on('error', () => {})
        .write('GET /slow HTTP/1.1\\r\\nHost: shop\\r\\n\\r\\n'.repeat(${REQUESTS / 10}));
    }
  }`;

interface Run {
  /** Without the span of the shutdown and those of the first request. */
  readonly exported: number;
  /** How long the process was held up. */
  readonly heldMs: number;
  /** Of all of its threads. */
  readonly cpuMs: number;
}

async function run(register: string, outgoing: boolean, sink: Sink): Promise<Run> {
  const before = sink.spans;
  const child = spawn(process.execPath, ['--require', register, '--eval', program(outgoing)], {
    env: { PATH: process.env.PATH, OTEL_EXPORTER_OTLP_ENDPOINT: sink.url, OTEL_BSP_SCHEDULE_DELAY: '100' },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let endsAtMs = 0;
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (endsAtMs === 0) endsAtMs = performance.now();
    output += text;
  });
  await once(child, 'close');
  const heldMs = performance.now() - endsAtMs;
  return { exported: Math.max(0, sink.spans - before - 3), heldMs, cpuMs: Number(output.split('\n')[1]) };
}

async function withLoad(load: number, measure: () => Promise<void>): Promise<void> {
  const busy: ChildProcess[] = Array.from({ length: load }, () =>
    spawn(process.execPath, ['--eval', 'for (;;);'], { stdio: 'ignore' }),
  );
  try {
    await measure();
  } finally {
    for (const child of busy) child.kill();
  }
}

function report(what: string, runs: readonly Run[]): void {
  const list = (figures: number[]): string => figures.map((figure) => figure.toFixed(0)).join(' ');
  const exported = list(runs.map((each) => each.exported));
  const held = list(runs.map(({ heldMs }) => heldMs));
  const cpu = list(runs.map(({ cpuMs }) => cpuMs));
  console.log(`${what}\n  exported: ${exported}; held up for, ms: ${held}; CPU, ms: ${cpu}`);
}

const sink = await Sink.start();
console.log(
  `Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model}, load before ${loadavg()[0]?.toFixed(1)}`,
);
for (const outgoing of [false, true]) {
  for (const load of values.loads.split(',').map(Number)) {
    await withLoad(load, async () => {
      const runs = new Map<string, Run[]>(values.register.map((register) => [register, []]));
      for (let count = 0; count < Number(values.runs); count++)
        for (const [register, ofBuild] of runs) ofBuild.push(await run(register, outgoing, sink));
      for (const [register, ofBuild] of runs) {
        const build = runs.size > 1 ? `, ${register}` : '';
        report(
          `${REQUESTS} incoming${outgoing ? ' and as many outgoing' : ''}, load ${load}${build}`,
          ofBuild,
        );
      }
    });
  }
}
sink.close();

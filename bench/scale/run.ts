// npm run bench:scale -- [--quick]: what a span costs on its way from a service to where it is kept. Linux only.
import { cpus, loadavg } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { findOrBuildCollector } from '../../test/support/collector-binary.ts';
import type { FoundProgram } from '../../test/support/go-program.ts';
import { findOrBuildJaeger } from '../../test/support/jaeger-binary.ts';
import { findOrFetchJars } from '../../test/support/java-server.ts';
import { compileChild } from '../compile.ts';
import type { Estimate } from '../statistics.ts';
import { type CollectCost, measureCollect } from './collecting.ts';
import { type ExportCost, type Kind, measureExport } from './exporting.ts';
import type { Launch, Settings } from './settings.ts';
import { measureStore, type StoreCost } from './storing.ts';

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } });
const settings: Settings = values.quick ? { rounds: 2, exports: 5 } : { rounds: 7, exports: 40 };
const launch: Launch = {
  program: join(dirname(compileChild()), 'exporting.js'),
  distUrl: new URL('../../dist/', import.meta.url).href,
};
const openSearch = await findOrFetchJars('opensearch');
const binaries = {
  collector: pathOf(await findOrBuildCollector()),
  jaeger: pathOf(await findOrBuildJaeger()),
};

console.log(`Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model}, load ${loadText()}`);
console.log(`${settings.rounds} rounds; medians, in brackets the 95 % interval of the median\n`);
for (const kind of ['done', 'cancelled'] satisfies Kind[]) {
  const exporting = await measureExport(kind, settings, launch);
  const collecting = await measureCollect(exporting.body, settings, binaries);
  console.log(reportOf(kind, exporting, collecting));
  if (kind !== 'cancelled') continue;
  if ('unavailable' in openSearch) console.log(openSearch.unavailable);
  else
    console.log(
      storeReportOf(await measureStore(exporting.body, settings.exports, binaries, openSearch.jars)),
    );
}
console.log(`load ${loadText()}`);

function reportOf(kind: Kind, exporting: ExportCost, collecting: CollectCost): string {
  const kept = kind === 'done' ? 'about one per cent of them kept' : 'all of them kept';
  return `${[
    `spans of operations that were ${kind}, ${kept}`,
    `                                     CPU µs/span                 spans/s per core`,
    row('export, register (own thread)', exporting.micros.thread),
    row('export, BatchSpanProcessor', exporting.micros.batch),
    row('gateway', collecting.micros.gateway),
    row('sampler', collecting.micros.sampler),
    kind === 'cancelled' ? row('Jaeger of docker-compose.yml', collecting.micros.jaeger) : undefined,
    `  bytes a span, OTLP as JSON         ${exporting.bytesPerSpan.toFixed(0)}`,
    `  bytes a span, waiting in a sampler ${collecting.waitingBytesPerSpan.toFixed(0)}`,
  ]
    .filter((line) => line !== undefined)
    .join('\n')}\n`;
}

function storeReportOf({ writerMicros, openSearchMicros, bytesPerSpan }: StoreCost): string {
  return `${[
    'the same in OpenSearch, one run',
    `  Jaeger, writer                     ${writerMicros.toFixed(1)} µs/span`,
    `  OpenSearch                         ${openSearchMicros.toFixed(1)} µs/span`,
    `  bytes a span on disk               ${bytesPerSpan.toFixed(0)}`,
  ].join('\n')}\n`;
}

function row(title: string, { median, interval }: Estimate): string {
  const range = interval ? ` (${interval[0].toFixed(1)}…${interval[1].toFixed(1)})` : '';
  const rate = Math.round(1_000_000 / median / 100) * 100;
  return `  ${title.padEnd(34)} ${`${median.toFixed(1)}${range}`.padEnd(28)}${rate.toLocaleString('en')}`;
}

function pathOf(found: FoundProgram): string {
  if ('unavailable' in found) throw new Error(found.unavailable);
  return found.binary;
}

function loadText(): string {
  return loadavg()[0]?.toFixed(1) ?? '?';
}

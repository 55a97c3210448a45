/** What came out, as a table: for a terminal, a line for each combination; for the README, a row for each version, by Node. */
import Table from 'cli-table3';
import { factors } from './combinations.ts';
import type { Tried } from './results.ts';

export function terminalTable(results: readonly Tried[]): string {
  const table = new Table({
    head: ['Node', 'SDK', '@grpc/grpc-js', 'undici', 'modules', ''],
    style: { head: [], border: [], compact: true },
  });
  for (const one of results)
    table.push([
      one.nodeVersion,
      one.sdkVersion ?? one.sdk ?? 'any',
      one.grpcVersion ?? one.grpc ?? 'any',
      one.undiciVersion ?? one.undici ?? 'any',
      one.type ?? 'any',
      one.outcome === 'passed' ? '✓' : one.outcome,
    ]);
  return `${table.toString()}\n${countsOf(results)}`;
}

function countsOf(results: readonly Tried[]): string {
  const of = (outcome: string): number => results.filter((one) => one.outcome === outcome).length;
  const tried = results.filter(({ grpc }) => grpc !== undefined).length;
  return `${tried} combinations: ${of('passed')} passed, ${of('failed')} failed. ${results.length - tried} versions need a newer Node.`;
}

const rows = [
  ...factors.sdk.map((version) => ({ title: `SDK ${version}`, factor: 'sdk' as const, version })),
  ...factors.grpc.map((version) => ({
    title: `\`@grpc/grpc-js\` ${lineOf(version)}`,
    factor: 'grpc' as const,
    version,
  })),
  ...factors.undici.map((version) => ({
    title: `undici ${lineOf(version)}`,
    factor: 'undici' as const,
    version,
  })),
];

function lineOf(version: string): string {
  return version.split('.').length === 3 ? version : `${version}.x`;
}

export function readmeTable(results: readonly Tried[]): string {
  const lines = rows.map(({ title, factor, version }) => {
    const ofRow = results.filter((one) => one[factor] === version);
    return [`[${title}](test/versions)`, ...factors.node.map((node) => cellOf(ofRow, node))];
  });
  const head = `| |${factors.node.map((node) => ` ${node} |`).join('')}\n|${'---|'.repeat(factors.node.length + 1)}\n`;
  return head + lines.map((cells) => `| ${cells.join(' | ')} |\n`).join('');
}

function cellOf(ofRow: readonly Tried[], node: string): string {
  const outcomes = new Set(ofRow.filter((one) => one.node === node).map(({ outcome }) => outcome));
  return [...outcomes].map((outcome) => (outcome === 'passed' ? '✓' : outcome)).join(', ');
}

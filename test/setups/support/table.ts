/** What came out, as a table: for a terminal, a line for each folder; for the README, a row for each way to set up. */
import Table from 'cli-table3';
import { type ManagerName, managerNames, type NodeName, nodeNames } from './cache.ts';
import { type Result, type SdkName, type WayName, wayNames } from './results.ts';

export function terminalTable(results: readonly Result[]): string {
  const table = new Table({
    head: ['Node', 'package manager', 'SDK in the application', ...wayNames],
    style: { head: [], border: [], compact: true },
  });
  const folders = new Set(results.map(folderOf).sort());
  for (const folder of folders) {
    const cells = results.filter((result) => folderOf(result) === folder);
    const [{ version, manager, sdk }] = cells as [Result, ...Result[]];
    table.push([version, manager, sdk, ...wayNames.map((way) => markOf(cells, way))]);
  }
  return table.toString();
}

function folderOf({ node, manager, sdk }: Result): string {
  return [node, manager, sdk].join(' ');
}

/** Each way is tried with CommonJS and with ES modules. */
function markOf(cells: readonly Result[], way: WayName): string {
  const outcomes = cells.filter((cell) => cell.way === way).map(({ outcome }) => outcome);
  const others = [...new Set(outcomes.filter((outcome) => outcome !== 'passed'))];
  const passes = outcomes.filter((outcome) => outcome === 'passed').map(() => '✓');
  return [...passes, ...others].join(' ');
}

interface Row {
  readonly title: string;
  readonly sdk: SdkName;
  readonly ways: readonly WayName[];
  readonly managers?: readonly ManagerName[];
}

const pnp: ManagerName = 'yarn 4 PnP';
const withFolders = managerNames.filter((manager) => manager !== pnp);

/** The rows of the README: what somebody has, and how it is set up. */
const rows: readonly Row[] = [
  {
    title: '`register`, no SDK installed',
    sdk: 'none',
    ways: ['console', '--import', '--require', 'NODE_OPTIONS'],
  },
  { title: '`register`, SDK 2.x installed', sdk: '2.x', ways: ['--import', '--require'] },
  { title: '`register`, SDK 3.x installed', sdk: '3.x', ways: ['--import', '--require'] },
  {
    title: '`register`, both installed',
    sdk: 'both',
    ways: ['--import', '--require'],
    managers: ['npm'],
  },
  { title: 'the class, SDK 2.x', sdk: '2.x', ways: ['class'] },
  { title: 'the class, SDK 3.x', sdk: '3.x', ways: ['class'] },
  { title: 'the class in `NodeSDK` 0.2xx', sdk: '2.x', ways: ['NodeSDK'] },
  { title: 'the class in `NodeSDK` 0.3xx', sdk: '3.x', ways: ['NodeSDK'] },
  {
    title: '`yarn node --import`, packages by Yarn PnP',
    sdk: 'none',
    ways: ['console', '--import'],
    managers: [pnp],
  },
];

export function readmeTable(results: readonly Result[]): string {
  const head = ['', ...nodeNames.map((name) => name.replace(/\.0$/, ''))];
  const lines = rows.map(({ title, sdk, ways, managers = withFolders }) => {
    const cells = results.filter((result) => result.sdk === sdk && ways.includes(result.way));
    return [`[${title}](test/setups)`, ...nodeNames.map((node) => cellOf(cells, node, managers))];
  });
  return [head, head.map(() => '---'), ...lines]
    .map((cells) => `|${cells.map((cell) => (cell === '---' ? cell : ` ${cell} `)).join('|')}|\n`)
    .join('')
    .replace(/^\| {2}\|/, '| |');
}

/** The package managers with which all of it passes, or why it cannot. */
function cellOf(cells: readonly Result[], node: NodeName, managers: readonly ManagerName[]): string {
  const outcomesOf = (manager: ManagerName): string[] =>
    cells.filter((cell) => cell.node === node && cell.manager === manager).map(({ outcome }) => outcome);
  const passing = managers.filter((manager) => {
    const outcomes = outcomesOf(manager);
    return outcomes.length > 0 && outcomes.every((outcome) => outcome === 'passed');
  });
  if (passing.length === managers.length)
    return managers.length > 1 ? 'all' : managers[0] === pnp ? '✓' : managers.join();
  if (passing.length > 0) return passing.join(', ');
  return [...new Set(managers.flatMap(outcomesOf))].join(', ');
}

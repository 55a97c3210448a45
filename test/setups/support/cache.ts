/** What the set-ups take from npm besides what they test: versions of Node and package managers, kept in the user's cache folder. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import lt from 'semver/functions/lt.js';

const cacheFolder = join(
  process.env.XDG_CACHE_HOME || join(homedir(), '.cache'),
  'opentelemetry-instrumentation-cancellation',
);
const nodePackage = `node-${process.platform}-${process.arch}`;

/** A number alone is the newest of that line. */
export const nodeNames = ['20.19.0', '20', '22.12.0', '22.15.0', '22', '24', '26'] as const;
type KeptNode = (typeof nodeNames)[number];
/** `given` is the binary that the variable GIVEN_NODE names: of a nightly build, say, which npm does not have. */
export type NodeName = KeptNode | 'given';

/** What goes before the `add` or `install` of each, and what has to be installed from npm for it. */
const managers = {
  npm: { command: 'npm', from: undefined },
  pnpm: { command: 'pnpm', from: 'pnpm@latest' },
  'yarn 1': { command: 'yarn', from: 'yarn@1' },
  'yarn 4': { command: 'yarn', from: '@yarnpkg/cli-dist@4' },
  'yarn 4 PnP': { command: 'yarn', from: '@yarnpkg/cli-dist@4' },
} as const;
export type ManagerName = keyof typeof managers;
export const managerNames = Object.keys(managers) as readonly ManagerName[];

export function commandOf(manager: ManagerName): string {
  return managers[manager].command;
}

/** Installs all of these, or what is newer by now. Otherwise only what is missing is installed. */
export function refreshCache(nodes: readonly KeptNode[], names: readonly ManagerName[]): void {
  for (const node of nodes) installNode(node);
  for (const { from } of names.map((name) => managers[name])) if (from !== undefined) installManager(from);
}

/** A value for PATH: this Node and this package manager first. */
export function pathWith(node: NodeName, manager: ManagerName): string {
  const { from } = managers[manager];
  const folders = [dirname(binaryOf(node))];
  if (from !== undefined)
    folders.push(
      join(
        installedAt(folderOf(from), () => installManager(from)),
        '.bin',
      ),
    );
  return [...folders, process.env.PATH].join(delimiter);
}

const versions = new Map<NodeName, string>();

/** What `node` is of this name. */
export function versionOf(node: NodeName): string {
  const known = versions.get(node);
  if (known !== undefined) return known;
  const version = execFileSync(binaryOf(node), ['--version'], { encoding: 'utf8' }).trim().replace(/^v/, '');
  versions.set(node, version);
  return version;
}

/** A nightly build of a version counts as that version. */
export function isOlder(node: NodeName, than: string): boolean {
  return lt(versionOf(node).replace(/-.*/, ''), than);
}

function binaryOf(node: NodeName): string {
  if (node === 'given') return resolve(process.env.GIVEN_NODE ?? process.execPath);
  const folder = installedAt(`node-${node}`, () => installNode(node));
  return join(folder, nodePackage, 'bin', 'node');
}

/**
 * The `node_modules` of a folder of tools.
 * @param packages each with its version, so that they are installed anew when that changes
 */
export function installedTools(name: string, packages: readonly string[]): string {
  const id = createHash('sha256').update(packages.join()).digest('hex').slice(0, 16);
  const folder = `${name}-${id}`;
  return installedAt(folder, () => install(folder, ...packages));
}

function installNode(name: KeptNode): void {
  install(`node-${name}`, `${nodePackage}@${name}`);
}

function installManager(from: string): void {
  install(folderOf(from), from);
}

function folderOf(from: string): string {
  return from.replace(/^@/, '').replaceAll(/[/@]/g, '-');
}

function installedAt(name: string, install: () => void): string {
  const folder = join(cacheFolder, name, 'node_modules');
  if (!existsSync(folder)) install();
  return folder;
}

function install(name: string, ...what: readonly string[]): void {
  const prefix = join(cacheFolder, name);
  mkdirSync(prefix, { recursive: true });
  const { status, stderr } = spawnSync(
    'npm',
    [
      'install',
      '--prefix',
      prefix,
      '--prefer-offline',
      '--no-audit',
      '--no-fund',
      '--loglevel=error',
      ...what,
    ],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`npm install ${what.join(' ')} failed: ${stderr}`);
}

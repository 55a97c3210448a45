/** Copies of packages, installed or loaded: which there are, and which do not go together. */

import { join } from 'node:path';
import satisfies from 'semver/functions/satisfies.js';
import { PACKAGE_NAME } from '../../version.ts';
import { type Check, note, ok, wrong } from './check.ts';
import { type Copy, foldersAbove, manifestIn } from './copies.ts';
import { API, adviceOnAgent, isOfficial, isSdk } from './packages.ts';
import { shown } from './place.ts';

/** Of packages that are instrumented, the versions that are. */
export type Supported = ReadonlyMap<string, readonly string[]>;

/** @param how `installed` or `loaded` */
export function packageChecks(copies: readonly Copy[], supported: Supported, how: string): Check[] {
  return [
    ...ownCopies(copies, how),
    ...apiCopies(copies, how),
    ...sdkLine(copies, how),
    ...copies.filter(({ name }) => isSdk(name)).flatMap(unmetApi),
    ...[...supported].flatMap(([name, ranges]) => libraryCopies(named(copies, name), ranges, how)),
    ...besides(copies, how),
  ];
}

export function nodeCheck(version: string, supported: string): Check {
  const fact = `Node ${version.replace(/^v/, '')}`;
  if (satisfies(version, supported, { includePrerelease: true })) return ok('node', fact);
  return wrong('node', fact, `this package is made for ${supported}`, 'update Node');
}

function ownCopies(copies: readonly Copy[], how: string): Check[] {
  const own = named(copies, PACKAGE_NAME);
  if (own.length === 0) return [];
  const fact = `${PACKAGE_NAME} ${listed(own)} ${how}`;
  if (own.length === 1) return [ok('package', fact)];
  const meaning = 'the first that is switched on instruments, the others stand back';
  return [note('package', fact, meaning, `one is enough: npm ls ${PACKAGE_NAME}`)];
}

function apiCopies(copies: readonly Copy[], how: string): Check[] {
  const apis = named(copies, API);
  if (apis.length === 0) return [];
  const fact = `${API} ${listed(apis)} ${how}`;
  if (new Set(apis.map(({ version }) => minorOf(version))).size === 1) return [ok('api', fact)];
  const meaning = 'a copy refuses what one of an older minor version has set up: which is the first, decides';
  return [note('api', fact, meaning, `one version is safer: npm ls ${API}`)];
}

/** What a copy of the API does when another one was the first to set something. */
export function isRefused(own: string, first: string): boolean {
  const [major, minor] = own.split('.').map(Number);
  const [firstMajor, firstMinor = 0] = first.split('.').map(Number);
  return major !== firstMajor || (minor ?? 0) > firstMinor;
}

function sdkLine(copies: readonly Copy[], how: string): Check[] {
  const sdks = copies.filter(({ name }) => isSdk(name));
  if (sdks.length === 0) return [ok('sdk', `no OpenTelemetry SDK ${how}`, 'register brings its own')];
  const lines = [...new Set(sdks.map(({ version }) => lineOf(version)))].sort();
  return [ok('sdk', `OpenTelemetry SDK ${lines.join(' and ')} ${how}: ${titles(sdks)}`)];
}

/** `sdk-node` and exporters have numbers of their own: 0.2xx, 0.3xx. */
function lineOf(version: string): string {
  const [major = '', minor = ''] = version.split('.');
  if (major !== '0') return `${major}.x`;
  return minor.length < 3 ? '1.x' : `${minor[0]}.x`;
}

/** The API that it gets is not the one that it wants. */
function unmetApi({ name, version, folder }: Copy): Check[] {
  const wanted = manifestIn(folder)?.peerDependencies?.[API];
  const found = foldersAbove(folder)
    .map((above) => manifestIn(join(above, 'node_modules', API))?.version)
    .find((one) => typeof one === 'string');
  if (wanted === undefined || satisfies(String(found), wanted)) return [];
  const fact = `${name} ${version} gets ${API} ${found ?? '(none)'}`;
  return [wrong('sdk', fact, `it is made for ${wanted}`, `npm install '${API}@${wanted}'`)];
}

function libraryCopies(copies: readonly Copy[], ranges: readonly string[], how: string): Check[] {
  const [first] = copies;
  if (first === undefined) return [];
  const fact = `${first.name} ${listed(copies)} ${how}`;
  const unknown = copies.filter(({ version }) => !ranges.some((range) => satisfies(version, range)));
  if (unknown.length === 0)
    return [ok('library', fact, copies.length > 1 ? 'each copy is instrumented' : undefined)];
  const versions = unknown.map(({ version }) => version).join(', ');
  return [note('library', fact, `${versions} is not instrumented`, `supported is ${ranges.join(' || ')}`)];
}

function besides(copies: readonly Copy[], how: string): Check[] {
  const official = copies.filter(({ name }) => isOfficial(name));
  const agents = copies.filter(({ name }) => adviceOnAgent(name) !== undefined);
  return [
    ...(official.length === 0
      ? []
      : [ok('beside', `${titles(official)} ${how}`, 'their spans are marked, no second ones are made')]),
    ...agents.map((agent) =>
      note('beside', `${titles([agent])} ${how}`, undefined, adviceOnAgent(agent.name)),
    ),
  ];
}

export function named(copies: readonly Copy[], name: string): Copy[] {
  return copies.filter((copy) => copy.name === name);
}

function minorOf(version: string): string {
  return version.split('.').slice(0, 2).join('.');
}

/** `1.9.1 (node_modules/…)` */
function listed(copies: readonly Copy[]): string {
  return copies.map(({ version, folder }) => `${version} (${shown(folder)})`).join(', ');
}

function titles(copies: readonly Copy[]): string {
  return [...new Set(copies.map(({ name, version }) => `${name} ${version}`))].sort().join(', ');
}

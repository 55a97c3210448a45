/** The undici that is under test: the one in Node, or a copy of the package, installed under its own name. */
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

// The types of one version do for all that the tests use.
export type Undici = typeof import('undici7');

export interface FetchLibrary {
  readonly name: string;
  readonly fetch: typeof globalThis.fetch;
  readonly Request: typeof globalThis.Request;
}

export interface UndiciLibrary extends FetchLibrary {
  readonly undici: Undici;
  /** Used by `fetch` and by nobody else. */
  readonly agent: InstanceType<Undici['Agent']>;
}

const require = createRequire(import.meta.url);

/** The versions that this Node can load. */
export function undiciVersions(): readonly ('undici6' | 'undici7' | 'undici8')[] {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const isNewEnough = major > 22 || (major === 22 && minor >= 19);
  return isNewEnough ? ['undici6', 'undici7', 'undici8'] : ['undici6', 'undici7'];
}

const MANIFESTS = {
  'undici-early': () => require.resolve('undici-early/package.json'),
  undici6: () => require.resolve('undici6/package.json'),
  undici7: () => require.resolve('undici7/package.json'),
  undici8: () => require.resolve('undici8/package.json'),
};

// One listener for all of them: with more than ten Node warns, and tests read what is on stderr.
const copies: string[] = [];
process.on('exit', () => {
  for (const folder of copies) rmSync(folder, { recursive: true, force: true });
});

/** Loads a version as an application would: as `undici`, which is the name that instrumentations go by. */
export function loadUndici(alias: keyof typeof MANIFESTS): UndiciLibrary {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), `${alias}-`)));
  copies.push(folder);
  const copy = join(folder, 'node_modules', 'undici');
  mkdirSync(copy, { recursive: true });
  for (const part of ['package.json', 'index.js', 'lib'])
    cpSync(join(dirname(MANIFESTS[alias]()), part), join(copy, part), { recursive: true });
  const undici = require(copy) as Undici;
  const { fetch, Request } = undici as unknown as typeof globalThis;
  const agent = new undici.Agent();
  const withAgent: typeof fetch = (input, init) =>
    fetch(input, { ...init, dispatcher: agent } as unknown as RequestInit);
  return { name: alias, undici, agent, fetch: withAgent, Request };
}

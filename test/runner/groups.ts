/** Which test files there are, and which command runs them. */
import { readdirSync } from 'node:fs';
import { join, sep } from 'node:path';

export type Group = {
  readonly command: string;
  /** What a fresh clone lacks. */
  readonly needs?: string;
  /** Files at a time, on so many cores. */
  readonly concurrency: (cores: number) => number;
  /** For one file. */
  readonly limitMinutes: number;
};

/** A folder of test/ with this name is a group of its own; all other files are the group of `npm test`, but for the deep ones. */
export const groups: Readonly<Record<string, Group>> = {
  // Most of these wait for sockets and timers.
  fast: { command: 'npm test', concurrency: (cores) => 3 * cores, limitMinutes: 20 },
  deep: { command: 'npm run test:deep', concurrency: (cores) => 2 * cores, limitMinutes: 20 },
  stack: {
    command: 'npm run test:stack',
    needs:
      'a real Jaeger, Collector, Prometheus, Alertmanager, OpenSearch, Kafka, database, Chromium, Go or containers',
    concurrency: (cores) => Math.max(1, cores - 1), // beside the servers
    limitMinutes: 30,
  },
  setups: {
    command: 'npm run test:setups',
    needs: 'other versions of Node and of OpenTelemetry, installed from npm',
    concurrency: (cores) => cores,
    limitMinutes: 30,
  },
  versions: {
    command: 'npm run test:versions',
    needs: 'other versions of Node and of each library, installed from npm',
    concurrency: (cores) => cores,
    limitMinutes: 60,
  },
};

/**
 * What does again what other files do, under one more condition: a million operations, a storm of cancels, random programs, hardened processes, a fault in each function of ours, the SBOM, each way
 * for a process with `register` to begin and to end, the clients of model APIs, which are fetch() once more, each fault of a server over each protocol, the workflow of docs/ci.md (the demo, the command and the documentation's commands run with it as well). It takes as long as all the others, and seldom finds what they have not found.
 */
const isDeep =
  /^(memory|storm|fuzz|worlds.hardened|register.(?!environment|otlp-json)|cli.(doctor-programs|record-programs|terminal)|comply.(faults|real)|package.sbom|(frameworks|docs).model-apis|docs.(ci|comply))|sabotage\.test\.ts$/;

/** Of `npm test`, those that take as long as a dozen others: at the end one of them would run alone. */
const isLong =
  /^(worlds|package|neighbours|integrations.abort.collectable|integrations.(grpc|undici|http2).contract|after.(frameworks|owned-spans))/;

/** @returns of each group the paths of its test files, relative to test/, in the order in which they start */
export function filesByGroup(folder: string): Map<string, string[]> {
  const files = new Map(Object.keys(groups).map((name) => [name, [] as string[]]));
  for (const entry of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    if (!entry.endsWith('.test.ts') || entry.split(sep).includes('node_modules')) continue;
    const [folder = ''] = entry.split(sep);
    files.get(files.has(folder) ? folder : isDeep.test(entry) ? 'deep' : 'fast')?.push(entry);
  }
  const fast = files.get('fast') ?? [];
  files.set('fast', [
    ...fast.filter((file) => isLong.test(file)),
    ...fast.filter((file) => !isLong.test(file)),
  ]);
  return files;
}

/** Those whose path contains one of the words; all when there is no word. */
export function matching(files: readonly string[], words: readonly string[]): string[] {
  return files.filter(
    (file) => words.length === 0 || words.some((word) => join('test', file).includes(word)),
  );
}

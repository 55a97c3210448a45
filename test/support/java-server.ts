/**
 * A server written in Java for one test file, from its jars on Maven Central. Maven fetches them once, into the user's
 * cache; a file Start.java beside the pom starts it. Needs Maven and a JDK 17 or later.
 *
 *   JARS_CACHE_DIR   keep the jars here
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve as resolvePath } from 'node:path';
import { fileURLToPath } from 'node:url';
import { announced, userCache } from './go-program.ts';
import { loopback, onFreePorts, startServer } from './server-process.ts';

export type JavaServerName = 'opensearch' | 'kafka' | 'elasticmq';
export type FoundJars = { jars: string } | { unavailable: string };

const fetchLimitMs = 10 * 60_000;
/** Start.java is compiled first, and a JVM takes its time on a busy machine. */
const startLimitMs = 120_000;

export async function findOrFetchJars(name: JavaServerName): Promise<FoundJars> {
  const jars = resolvePath(process.env.JARS_CACHE_DIR || userCache(), `${name}-${pinnedVersion(name)}`);
  if (existsSync(jars)) return { jars };
  const unfinished = `${jars}.${process.pid}`;
  mkdirSync(unfinished, { recursive: true });
  const failure = await announced(`fetching the jars of ${name} with Maven, once`, () =>
    fetchInto(unfinished, name),
  );
  if (failure !== undefined) {
    rmSync(unfinished, { recursive: true });
    return { unavailable: `no ${name}, so nothing was tried with one: ${failure}` };
  }
  // Renamed when complete: nobody may start half of it.
  renameSync(unfinished, jars);
  return { jars };
}

export type OpenSearchServer = { url: string; stop(): Promise<void> };

export async function startOpenSearch(jars: string): Promise<OpenSearchServer> {
  return await onFreePorts(2, async ([http, transport]) => {
    const url = `http://${loopback}:${http}`;
    const stop = await startJava('opensearch', jars, [http, transport], url);
    return { url, stop };
  });
}

export type KafkaServer = { address: string; stop(): Promise<void> };

export async function startKafka(jars: string): Promise<KafkaServer> {
  return await onFreePorts(3, async ([broker, controller, health]) => {
    const readyUrl = `http://${loopback}:${health}/`;
    const stop = await startJava('kafka', jars, [broker, controller, health], readyUrl);
    return { address: `${loopback}:${broker}`, stop };
  });
}

export type SqsServer = { url: string; stop(): Promise<void> };

export async function startSqs(jars: string): Promise<SqsServer> {
  return await onFreePorts(1, async ([port]) => {
    const url = `http://${loopback}:${port}`;
    const stop = await startJava('elasticmq', jars, [port], `${url}/?Action=ListQueues`);
    return { url, stop };
  });
}

async function startJava(
  name: JavaServerName,
  jars: string,
  ports: readonly (number | undefined)[],
  readyUrl: string,
): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), `${name}-`));
  mkdirSync(join(folder, 'config'));
  const program = join(moduleOf(name), 'Start.java');
  const args = ['-Xms512m', '-Xmx512m', '-cp', join(jars, '*'), program, folder, ...ports.map(String)];
  const env = { PATH: process.env.PATH ?? '' };
  const stop = await startServer({ name, binary: 'java', args, env, readyUrl, startLimitMs });
  return async () => {
    await stop();
    rmSync(folder, { recursive: true, force: true });
  };
}

export function moduleOf(name: JavaServerName): string {
  return fileURLToPath(new URL(`./${name}-module/`, import.meta.url));
}

export function pinnedVersion(name: JavaServerName): string {
  const pom = readFileSync(join(moduleOf(name), 'pom.xml'), 'utf8');
  const version = /<server\.version>(.+)<\/server\.version>/.exec(pom)?.[1];
  if (version === undefined) throw new Error(`${name}-module/pom.xml names no version`);
  return version;
}

/** Resolves to the reason of a failure. */
function fetchInto(folder: string, name: JavaServerName): Promise<string | undefined> {
  return new Promise((resolve) => {
    const goal = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';
    const args = ['--batch-mode', '--quiet', '--file', join(moduleOf(name), 'pom.xml'), goal];
    args.push('-DincludeScope=runtime', `-DoutputDirectory=${folder}`);
    execFile('mvn', args, { timeout: fetchLimitMs }, (error, stdout) => {
      if (error === null) resolve(undefined);
      else if (error.code === 'ENOENT') resolve('Maven is not installed');
      else resolve(`Maven failed:\n${stdout.slice(-2_000) || error.message}`);
    });
  });
}

/** Programs that are only wanted in containers, kept in the user's cache. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { announced, userCache } from '../../support/go-program.ts';

const run = promisify(execFile);
const limitMs = 10 * 60_000;

/** A Node of exactly this version, from npm's packages of Node. */
export async function findNode(version: string): Promise<string> {
  const name = `node-${process.platform}-${process.arch}`;
  const folder = await kept(`node-${version}`, async (unfinished) => {
    const quiet = ['--no-audit', '--no-fund', '--loglevel=error'];
    await run('npm', ['install', '--prefix', unfinished, ...quiet, `${name}@${version}`], {
      timeout: limitMs,
    });
  });
  return join(folder, 'node_modules', name, 'bin', 'node');
}

/** The Java of this machine in one folder that needs nothing outside of it. */
export async function findJava(): Promise<{ folder: string; version: string } | { unavailable: string }> {
  let version: string;
  try {
    version = (await run('jlink', ['--version'])).stdout.trim();
  } catch (error) {
    return { unavailable: `no jlink, which a JDK has: ${error instanceof Error ? error.message : error}` };
  }
  const folder = await kept(`java-${version}-${process.arch}`, async (unfinished) => {
    rmSync(unfinished, { recursive: true }); // jlink wants to make it
    const lean = ['--strip-debug', '--no-header-files', '--no-man-pages'];
    await run('jlink', ['--add-modules', 'ALL-MODULE-PATH', ...lean, '--output', unfinished], {
      timeout: limitMs,
    });
  });
  return { folder, version };
}

/** What a program says about itself, in its first line. */
export async function versionOfProgram(binary: string): Promise<string> {
  const { stdout, stderr } = await run(binary, ['--version']);
  return (stdout || stderr).split('\n')[0] ?? '';
}

async function kept(name: string, make: (unfinished: string) => Promise<void>): Promise<string> {
  const folder = join(userCache(), name);
  if (existsSync(folder)) return folder;
  const unfinished = `${folder}.${process.pid}`;
  mkdirSync(unfinished, { recursive: true });
  try {
    await announced(`getting ${name}`, () => make(unfinished));
    // Renamed when complete: two test files may ask at once.
    if (!existsSync(folder)) renameSync(unfinished, folder);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return folder;
}

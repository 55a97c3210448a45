/**
 * Runs somebody else's test files without and with `--import <package>/register`, each in a process of
 * its own, and says which of them end differently:
 *
 *     node --import tsx test/suites/compare.ts [options] <folder> [pattern] [-- program and its arguments]
 *
 * `folder` is searched with its subfolders; `pattern`, a regular expression, selects paths in it. A
 * program, such as mocha, gets the file as its last argument. Exit status: 1 when a file ends
 * differently, 2 for a bad command line. After Ctrl-C it says what it has found by then. Options:
 *
 *     --node <binary>      the Node that runs the files
 *     --preload <module>   instead of register; --baseline <module>: preloaded in the runs without us
 *     --jobs <number>      so many files at a time
 *     --timeout <seconds>  for one run of a file
 */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { PACKAGE_NAME } from '../../src/version.ts';
import { startReceiver } from '../support/otlp-receiver.ts';

const register = fileURLToPath(new URL('../../dist/register.js', import.meta.url));
/** So often a file that ended differently is run again: tests that fail now and then are not our doing. */
const MAX_REPEATS = 3;
/** Of the output of a test that ended differently, in characters. */
const SHOWN_OUTPUT = 3000;

interface Options {
  readonly folder: string;
  readonly pattern: RegExp;
  readonly program: readonly string[];
  readonly node: string;
  /** What Node is given before the file: in the runs without us, and with us. */
  readonly baseline: readonly string[];
  readonly preload: readonly string[];
  readonly jobs: number;
  readonly timeoutMs: number;
}

interface Outcome {
  /** 'exit 0', 'SIGABRT', 'timeout' */
  readonly end: string;
  /** Names of tests: in a file that fails without us as well, others may fail with us. */
  readonly failed: readonly string[];
  readonly output: string;
}

/** A failed test in what node:test (TAP and spec), mocha, tap and AVA write. */
const FAILED_TEST = /^\s*(?:not ok \d+ - |[✖✘] (?:\[fail\]: )?|\d+\) )(.+?)(?: \(?[\d.]+ ?m?s\)?)?$/gm;

function readOptions(): Options {
  const separator = process.argv.indexOf('--');
  const end = separator === -1 ? process.argv.length : separator;
  const { values, positionals } = parseArgs({
    args: process.argv.slice(2, end),
    allowPositionals: true,
    options: {
      node: { type: 'string', default: process.execPath },
      preload: { type: 'string', default: register },
      baseline: { type: 'string' },
      jobs: { type: 'string', default: '1' },
      timeout: { type: 'string', default: '120' },
    },
  });
  const [folder, pattern = ''] = positionals;
  const jobs = Number(values.jobs);
  const timeoutMs = Number(values.timeout) * 1000;
  if (folder === undefined || positionals.length > 2) throw new TypeError('needed: <folder> [pattern]');
  if (!(jobs >= 1 && timeoutMs > 0)) throw new TypeError('--jobs and --timeout must be positive numbers');
  return {
    folder: resolve(folder),
    pattern: new RegExp(pattern),
    program: process.argv.slice(end + 1),
    node: values.node,
    baseline: values.baseline === undefined ? [] : importing(values.baseline),
    preload: importing(values.preload),
    jobs,
    timeoutMs,
  };
}

function importing(path: string): string[] {
  return ['--import', pathToFileURL(path).href];
}

function findFiles({ folder, pattern }: Options): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => /(?<!\.d)\.[cm]?[jt]s$/.test(path) && pattern.test(path))
    .sort();
}

/** Node's own tests name the options that they need in a comment: `// Flags: --expose-gc`. */
function flagsOf(file: string): string[] {
  const [, flags = ''] = /^\/\/ Flags:(.*)$/m.exec(readFileSync(file, 'utf8')) ?? [];
  return flags.split(/\s+/).filter((flag) => flag !== '');
}

async function run(
  file: string,
  preload: readonly string[],
  env: NodeJS.ProcessEnv,
  options: Options,
): Promise<Outcome> {
  const child = spawn(options.node, [...flagsOf(file), ...preload, ...options.program, file], {
    cwd: options.folder,
    // In a process group of its own, which can be ended as a whole.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env,
  });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk) => chunks.push(chunk));
  child.stderr.on('data', (chunk) => chunks.push(chunk));
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    endGroup(child.pid);
  }, options.timeoutMs);
  return await new Promise((done) => {
    let end = '';
    child.on('error', (error) => done({ end: String(error), failed: [], output: '' }));
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      // Processes that the test left behind hold its pipes open.
      endGroup(child.pid);
      end = isLate ? 'timeout' : (signal ?? `exit ${code}`);
    });
    child.on('close', () => {
      const output = Buffer.concat(chunks).toString();
      const failed = [...output.matchAll(FAILED_TEST)].map(([, name = '']) => name);
      done({ end, failed: [...new Set(failed)].sort(), output });
    });
  });
}

function endGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // All of them have ended.
  }
}

/** Undefined when they do not differ. */
function differenceOf(plain: Outcome, ours: Outcome): string | undefined {
  if (plain.end !== ours.end) return `${plain.end} without, ${ours.end} with`;
  const oursOnly = ours.failed.filter((name) => !plain.failed.includes(name));
  const plainOnly = plain.failed.filter((name) => !ours.failed.includes(name));
  if (oursOnly.length + plainOnly.length === 0) return undefined;
  return `failed only with: ${oursOnly.join('; ') || 'none'}; only without: ${plainOnly.join('; ') || 'none'}`;
}

/** What the instrumentation said of itself, such as that a hook failed; the test may have passed all the same. */
function complaintsIn(output: string): string[] {
  return [...new Set(output.split('\n').filter((line) => line.startsWith(`${PACKAGE_NAME}: `)))];
}

async function compare(options: Options): Promise<boolean> {
  const receiver = await startReceiver();
  const files = findFiles(options);
  const queue = files.values();
  const ends = new Map<string, number>();
  const different: string[] = [];
  const unstable: string[] = [];
  const complaints: string[] = [];
  const started = Date.now();
  let [compared, isStopped] = [0, false];
  process.once('SIGINT', () => {
    isStopped = true;
  });

  const work = async (job: number): Promise<void> => {
    const env = {
      ...process.env,
      // What a runner of Node's tests sets, so that no two of them use the same temporary folder.
      TEST_THREAD_ID: String(job),
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_LOG_LEVEL: 'ERROR',
    };
    for (const path of queue) {
      if (isStopped) break;
      const file = join(options.folder, path);
      let isStable = true;
      for (let repeat = 0; ; repeat++) {
        const plain = await run(file, options.baseline, env, options);
        const ours = await run(file, options.preload, env, options);
        complaints.push(...complaintsIn(ours.output).map((line) => `${path}: ${line}`));
        const difference = differenceOf(plain, ours);
        if (difference !== undefined && repeat < MAX_REPEATS) {
          isStable = false;
          continue;
        }
        compared++;
        ends.set(plain.end, (ends.get(plain.end) ?? 0) + 1);
        if (difference !== undefined) {
          different.push(`${path}: ${difference}`);
          console.log(`${different.at(-1)}\n${ours.output.slice(-SHOWN_OUTPUT)}\n`);
        } else if (!isStable) unstable.push(path);
        break;
      }
    }
  };
  await Promise.all(Array.from({ length: options.jobs }, (_, job) => work(job)));
  await receiver.close();

  const seconds = Math.round((Date.now() - started) / 1000);
  console.log(`${compared} of ${files.length} files, ${seconds} s, ${receiver.spans.length} spans received`);
  console.log(`without: ${[...ends].map(([end, count]) => `${count} ${end}`).join(', ')}`);
  print('different', different);
  print('the same only when run again', unstable);
  print('complaints of the instrumentation', complaints);
  return different.length === 0;
}

function print(title: string, lines: readonly string[]): void {
  console.log(`${title}: ${[lines.length, ...lines].join('\n  ')}`);
}

try {
  process.exitCode = (await compare(readOptions())) ? 0 : 1;
} catch (error) {
  console.error(`${String(error)}\nusage: the first lines of ${fileURLToPath(import.meta.url)}`);
  process.exitCode = 2;
}

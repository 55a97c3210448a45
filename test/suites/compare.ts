/**
 * Runs somebody else's test files without and with `--import <package>/register`, each in a process of
 * its own, and says which of them end differently:
 *
 *     node --import tsx test/suites/compare.ts [options] <folder> [pattern] [-- program and its arguments]
 *
 * `folder` is searched with its subfolders; `pattern`, a regular expression, selects paths in it. A
 * program, such as mocha, gets the file as its last argument. Options: --node <binary>, --jobs <number>,
 * --timeout <seconds>. Exit status: 1 when a file ends differently, 2 for a bad command line.
 */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startReceiver } from '../../examples/receiver.js';

const register = new URL('../../dist/register.js', import.meta.url).href;
/** So often a file that ended differently is run again: tests that fail now and then are not our doing. */
const MAX_REPEATS = 3;
/** Of the output of a test that ended differently, in characters. */
const SHOWN_OUTPUT = 3000;

interface Options {
  readonly folder: string;
  readonly pattern: RegExp;
  readonly program: readonly string[];
  readonly node: string;
  readonly jobs: number;
  readonly timeoutMs: number;
}

interface Outcome {
  /** 'exit 0', 'SIGABRT', 'timeout' */
  readonly end: string;
  readonly output: string;
}

function readOptions(): Options {
  const separator = process.argv.indexOf('--');
  const end = separator === -1 ? process.argv.length : separator;
  const { values, positionals } = parseArgs({
    args: process.argv.slice(2, end),
    allowPositionals: true,
    options: {
      node: { type: 'string', default: process.execPath },
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
    jobs,
    timeoutMs,
  };
}

function findFiles({ folder, pattern }: Options): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.[cm]?js$/.test(path) && pattern.test(path))
    .sort();
}

/** Node's own tests name the options that they need in a comment: `// Flags: --expose-gc`. */
function flagsOf(file: string): string[] {
  const [, flags = ''] = /^\/\/ Flags:(.*)$/m.exec(readFileSync(file, 'utf8')) ?? [];
  return flags.split(/\s+/).filter((flag) => flag !== '');
}

async function run(
  file: string,
  preload: string[],
  job: number,
  endpoint: string,
  options: Options,
): Promise<Outcome> {
  const args = [...flagsOf(file), ...preload, ...options.program, file];
  const child = spawn(options.node, args, {
    cwd: options.folder,
    // In a process group of its own, which can be ended as a whole.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      // What a runner of Node's tests sets, so that no two of them use the same temporary folder.
      TEST_THREAD_ID: String(job),
      OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
      OTEL_LOG_LEVEL: 'ERROR',
    },
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
    child.on('error', (error) => done({ end: String(error), output: '' }));
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      // Processes that the test left behind hold its pipes open.
      endGroup(child.pid);
      const end = isLate ? 'timeout' : (signal ?? `exit ${code}`);
      done({ end, output: Buffer.concat(chunks).toString() });
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

async function compare(options: Options): Promise<boolean> {
  const receiver = await startReceiver();
  const files = findFiles(options);
  const queue = files.values();
  const ends = new Map<string, number>();
  const different: string[] = [];
  const unstable: string[] = [];
  const started = Date.now();

  const work = async (job: number): Promise<void> => {
    for (const path of queue) {
      const file = join(options.folder, path);
      const plainRun = () => run(file, [], job, receiver.url, options);
      const ourRun = () => run(file, ['--import', register], job, receiver.url, options);
      let [plain, ours] = [await plainRun(), await ourRun()];
      const isFirstTheSame = plain.end === ours.end;
      for (let repeat = 0; repeat < MAX_REPEATS && plain.end !== ours.end; repeat++) {
        [plain, ours] = [await plainRun(), await ourRun()];
      }
      ends.set(plain.end, (ends.get(plain.end) ?? 0) + 1);
      if (plain.end !== ours.end) {
        different.push(`${path}: ${plain.end} without, ${ours.end} with`);
        console.log(`${different.at(-1)}\n${ours.output.slice(-SHOWN_OUTPUT)}\n`);
      } else if (!isFirstTheSame) unstable.push(path);
    }
  };
  await Promise.all(Array.from({ length: options.jobs }, (_, job) => work(job)));

  console.log(
    `${files.length} files, ${Math.round((Date.now() - started) / 1000)} s, ${receiver.spans.length} spans received`,
  );
  console.log(`without: ${[...ends].map(([end, count]) => `${count} ${end}`).join(', ')}`);
  console.log(`different: ${different.length}${different.map((line) => `\n  ${line}`).join('')}`);
  if (unstable.length > 0) console.log(`the same only when run again: ${unstable.join(', ')}`);
  await receiver.close();
  return different.length === 0;
}

try {
  process.exitCode = (await compare(readOptions())) ? 0 : 1;
} catch (error) {
  console.error(`${String(error)}\nusage: the first lines of ${fileURLToPath(import.meta.url)}`);
  process.exitCode = 2;
}

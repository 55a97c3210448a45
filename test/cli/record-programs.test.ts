/** The command `record`: real programs, which end by themselves, early, killed, blocked or by a crash. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { AsyncSnapshot, CpuProfile } from '../../src/recording/format.ts';
import { type RecordedProcess, readAsync, readProfile } from '../../src/recording/process.ts';
import { type Recording, readRecording } from '../../src/recording/read.ts';
import { slicesIn } from '../../src/timeline/cpu-stacks.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const main = join(root, 'dist/cli/main.js');
const folder = mkdtempSync(join(tmpdir(), 'record-'));
const started: ChildProcess[] = [];
before(() => symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules')));
after(() => {
  for (const child of started) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(args: readonly string[]): ChildProcess {
  const env = {
    ...process.env,
    OTEL_SERVICE_NAME: 'shop',
    NODE_OPTIONS: undefined,
    NODE_TEST_CONTEXT: undefined,
  };
  const child = spawn(process.execPath, args, { cwd: folder, env, stdio: 'pipe' });
  started.push(child);
  return child;
}

async function ended(child: ChildProcess, input = ''): Promise<Ended> {
  const closed = once(child, 'close');
  child.stdin?.end(input);
  const [stdout, stderr] = await Promise.all([text(child.stdout as never), text(child.stderr as never)]);
  const [code, signal] = await closed;
  return { code, signal, stdout, stderr };
}

function program(name: string, source: string): string {
  writeFileSync(join(folder, name), source);
  return name;
}

/** Records the file into a folder of this name, without packets. */
function startRecording(name: string, file: string, ...options: string[]): ChildProcess {
  const args = ['record', '--no-capture', '--out', name, ...options, '--', process.execPath, file];
  return start([main, ...args]);
}

async function recorded(name: string, file: string, ...options: string[]): Promise<Ended & Recording> {
  const end = await ended(startRecording(name, file, ...options));
  return { ...end, ...(await readRecording(join(folder, name))) };
}

function only(processes: readonly RecordedProcess[]): RecordedProcess {
  assert.equal(processes.length, 1);
  return processes[0] as RecordedProcess;
}

async function profilesOf({ slices }: RecordedProcess): Promise<CpuProfile[]> {
  return await Promise.all(slices.map(readProfile));
}

const functionsOf = (profiles: readonly CpuProfile[]): Set<string> =>
  new Set(profiles.flatMap(({ nodes }) => nodes.map(({ callFrame }) => callFrame.functionName)));

const BURN = `
function burn(ms) {
  const until = Date.now() + ms;
  while (Date.now() < until);
}
`;

describe('record of a program that ends by itself', () => {
  const SAYS = `
process.stdin.on('data', (data) => process.stdout.write('in: ' + data));
process.stdin.on('end', () => {
  console.log(process.argv.slice(2), process.execArgv, process.exitCode);
  console.error('to stderr');
  process.exitCode = 5;
});
`;
  for (const [name, source, ...before] of [
    ['says.cjs', `const { Worker } = require('node:worker_threads');${SAYS}`],
    ['says.mjs', `import 'node:http';${SAYS}await 0;`],
    ['says.ts', `const typed: number = 5;${SAYS.replace('= 5', '= typed')}`, '--import', 'tsx'],
  ] as const) {
    it(`${name} prints the same and ends the same with and without it`, async () => {
      const file = program(name, source);
      const without = await ended(start([...before, file, '--out', 'x']), 'some\n');
      const args = ['record', '--no-capture', '--out', `healthy-${name}`, '--', process.execPath, ...before];
      const within = await ended(start([main, ...args, file, '--out', 'x']), 'some\n');
      assert.equal(within.stdout, without.stdout);
      assert.deepEqual([within.code, without.code], [5, 5]);
      assert.ok(within.stderr.startsWith(without.stderr), within.stderr);
      assert.match(
        within.stderr.slice(without.stderr.length),
        /^\ncancel-trace: recorded in healthy-says\.\w+\n {2}spans\.jsonl +0 spans/,
      );
      const { processes, missing } = await readRecording(join(folder, `healthy-${name}`));
      assert.ok(processes.every(({ info }) => info.endedMs !== undefined && info.exitCode === 5));
      assert.deepEqual(missing, ['spans: none came', 'the capture: not wanted (--no-capture)']);
    });
  }

  it('is not kept alive, and a worker thread is none of its processes', async () => {
    const file = program(
      'threads.mjs',
      `import { Worker } from 'node:worker_threads'; new Worker('setTimeout(() => {}, 50)', { eval: true });`,
    );
    const { code, processes } = await recorded('threads', file);
    assert.equal(code, 0);
    only(processes);
  });

  it('each process of Node.js that it starts has its folder', async () => {
    program('child.cjs', `setTimeout(() => process.exit(3), 30);`);
    const file = program(
      'parent.mjs',
      `import { fork } from 'node:child_process'; fork('./child.cjs').on('exit', (code) => process.exit(code + 1));`,
    );
    const { code, processes } = await recorded('family', file);
    assert.equal(code, 4);
    const [parent, child] = processes;
    assert.deepEqual([processes.length, child?.info.ppid], [2, parent?.info.pid]);
    assert.deepEqual([parent?.info.exitCode, child?.info.exitCode], [4, 3]);
    assert.equal(parent?.info.service, 'shop');
  });

  it('knows which function blocked the event loop, and when', async () => {
    const file = program(
      'blocks.mjs',
      `${BURN}
setTimeout(function blockTheLoop() { const from = Date.now(); burn(400); console.log(JSON.stringify([from, Date.now()])); }, 1300);
setTimeout(() => {}, 3300);`,
    );
    const { processes, stdout, stderr } = await recorded('blocks', file);
    const process = only(processes);
    const [fromMs, toMs] = JSON.parse(stdout) as [number, number];
    // The program's times are of the wall clock; that of the process is as far from it as its readings tell.
    const [reading] = process.clock;
    assert.ok(reading !== undefined && reading.boundMs <= 0.51, JSON.stringify(reading));
    const offMs = reading.wallMs - reading.atMs;
    const stall = process.stalls.find(
      ({ atMs, durationMs }) => atMs + offMs <= fromMs + 1 && atMs + durationMs + offMs >= toMs - 1,
    );
    assert.ok(stall !== undefined, JSON.stringify([fromMs, toMs, offMs, process.stalls]));
    assert.ok(stall.boundMs < 20 && stall.durationMs > 399, JSON.stringify(stall));
    const profiles = await profilesOf(process);
    assert.ok(profiles.length >= 2, stderr);
    for (const { startMs, endMs } of profiles) {
      assert.ok(startMs >= process.info.startedMs && endMs <= (process.info.endedMs ?? 0) && startMs < endMs);
    }
    const frames = profiles.flatMap((profile) => slicesIn(profile).map(({ frame }) => frame));
    const ours = frames.filter(({ url }) => url.includes('/dist/'));
    assert.ok(ours.length > 0 && ours.every(({ isApplication }) => !isApplication));
    const [first, second] = profiles;
    assert.ok(Math.abs((second?.startMs ?? 0) - (first?.endMs ?? 0)) < 20, 'there is no gap');
    const within = profiles.filter(
      ({ startMs, endMs }) => startMs < stall.atMs + stall.durationMs && endMs > stall.atMs,
    );
    assert.ok(functionsOf(within).has('burn'), [...functionsOf(within)].join(' '));
    assert.ok(process.loop.length >= 2 && process.loop.every(({ cpuMs }) => cpuMs >= 0));
    assert.ok(
      process.loop.some(({ maxMs }) => maxMs > 300),
      JSON.stringify(process.loop),
    );
    for (const { boundMs, wallMs, atMs } of process.clock)
      assert.ok(Math.abs(wallMs - atMs - offMs) <= boundMs + reading.boundMs + 1, 'clocks go side by side');
  });

  it('garbage collections, one after the other', async () => {
    const file = program(
      'litters.mjs',
      `let kept = []; for (let i = 0; i < 3e6; i++) { kept.push({ i }); if (kept.length > 1e4) kept = []; } setTimeout(() => {}, 100);`,
    );
    const { gc, info } = only((await recorded('litters', file)).processes);
    assert.ok(gc.length > 1);
    assert.ok(gc.every(({ atMs, durationMs }) => atMs >= info.startedMs && durationMs > 0));
    assert.ok(gc.some(({ kind }) => kind === 'minor'));
  });

  it('with --async, what is pending: by type and line, how deep, since when; at a cancel, too', async () => {
    const file = program(
      'waits.mjs',
      `import http from 'node:http';
const leaving = new AbortController();
// However long the first request takes to get there, it is left only then.
const server = http.createServer(function hang() {
  setTimeout(function late() {}, 60_000);
  leaving.abort();
  setTimeout(() => process.exit(), 1_500);
});
server.listen(0, '127.0.0.1', () => {
  const url = 'http://127.0.0.1:' + server.address().port;
  for (let i = 0; i < 3; i++) setTimeout(() => {}, 60_000);
  setTimeout(() => fetch(url + '/hang', { signal: leaving.signal }).catch(() => {}), 50);
  setTimeout(function first() { setTimeout(function second() {}, 60_000); }, 20);
});`,
    );
    const process = only((await recorded('waits', file, '--async')).processes);
    assert.equal(process.info.isAsync, true);
    const snapshots: AsyncSnapshot[] = [];
    for await (const snapshot of readAsync(process)) snapshots.push(snapshot);
    assert.ok(snapshots.length >= 3, String(snapshots.length));
    const last = snapshots.at(-1);
    const timers = last?.resources.filter(({ type }) => type === 'Timeout') ?? [];
    const three = timers.find(({ stack }) => stack?.includes('waits.mjs:11:'));
    assert.equal(three?.count, 3, JSON.stringify(timers));
    const hanging = timers.find(({ stack }) => /hang \(.*waits\.mjs:5:/.test(stack ?? ''));
    assert.equal(hanging?.count, 1);
    const second = timers.find(({ stack }) => stack?.includes('.first '));
    assert.equal(second?.depth, (three?.depth ?? 0) + 1, JSON.stringify(timers));
    assert.ok(
      (hanging?.oldestMs ?? 0) > (three?.oldestMs ?? 0) && (hanging?.oldestMs ?? 0) < (last?.atMs ?? 0),
    );
    assert.ok(!JSON.stringify(snapshots).includes('dist/recorder'), 'nothing of ours');
    assert.ok(snapshots.some(({ isCancel }) => isCancel === true));
  });
});

describe('record of a program that does not end by itself', () => {
  it('process.exit() in the first tick', async () => {
    const file = program('exits.cjs', `${BURN} burn(120); process.exit(3);`);
    const { code, processes } = await recorded('exits', file);
    const process = only(processes);
    assert.deepEqual([code, process.info.exitCode], [3, 3]);
    assert.ok(process.clock.length >= 2 && process.stalls.some(({ durationMs }) => durationMs >= 115));
    assert.ok(functionsOf(await profilesOf(process)).has('burn'));
    assert.deepEqual(process.missing, []);
  });

  it('an error that nobody catches', async () => {
    const file = program('throws.mjs', `setTimeout(() => { throw new Error('broken'); }, 60);`);
    const { code, stderr, processes } = await recorded('throws', file);
    assert.equal(code, 1);
    assert.match(stderr, /Error: broken\n {4}at /);
    assert.equal(only(processes).info.exitCode, 1);
    assert.equal((await profilesOf(only(processes))).length, 1);
  });

  it('abort()', async () => {
    const file = program('aborts.mjs', `setTimeout(() => process.abort(), 3_600);`);
    const { code, processes, missing, info } = await recorded('aborts', file);
    assert.equal(code, 128 + 6);
    assert.deepEqual(info.exit, { code: null, signal: 'SIGABRT' });
    assert.ok(only(processes).slices.length > 0 && only(processes).loop.length > 1);
    assert.match(
      missing.join('\n'),
      /^process-\d+, the end: it told no end: killed, crashed, or it goes on; the last slice/m,
    );
  });

  it('SIGKILL in the middle: all but the last seconds is there', async () => {
    const file = program(
      'killed.mjs',
      `import http from 'node:http';
const server = http.createServer((request, response) => response.end('ok')).listen(0, '127.0.0.1', async () => {
  const url = 'http://127.0.0.1:' + server.address().port;
  await fetch(url).then((answer) => answer.text());
  await fetch(url, { signal: AbortSignal.abort() }).catch(() => {});
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), 3_600);
});`,
    );
    const { code, processes, missing, spansFile, stderr } = await recorded('killed', file);
    assert.equal(code, 128 + 9);
    const process = only(processes);
    const [slice] = await profilesOf(process);
    assert.ok(slice !== undefined && slice.endMs - slice.startMs > 1_900);
    assert.ok(process.clock.length >= 3);
    assert.notEqual(spansFile, undefined);
    assert.match(missing.join('\n'), /, the end: it told no end/);
    assert.match(stderr, /not there +process-\d+, the end: it told no end/);
  });

  it('a signal that nobody handles', async () => {
    const file = program('idle.mjs', `setInterval(() => {}, 1e3); console.log('up');`);
    const child = startRecording('signal', file);
    await once(child.stdout as never, 'data');
    child.kill('SIGTERM');
    assert.equal((await ended(child)).code, 128 + 15);
    const { processes, info } = await readRecording(join(folder, 'signal'));
    assert.deepEqual(info.exit, { code: null, signal: 'SIGTERM' });
    assert.equal(only(processes).info.signal, 'SIGTERM');
    assert.equal(only(processes).slices.length, 1);
  });

  it('an event loop that is blocked until it is killed: since when it was silent', async () => {
    const file = program('hangs.mjs', `setTimeout(() => { console.log(process.pid); for (;;); }, 1_200);`);
    const child = startRecording('hangs', file);
    const [pid] = await once(child.stdout as never, 'data');
    await delay(2_500);
    process.kill(Number(pid), 'SIGKILL');
    assert.equal((await ended(child)).code, 128 + 9);
    const { processes, missing } = await readRecording(join(folder, 'hangs'));
    assert.ok((only(processes).silentMs ?? 0) > 2_400);
    assert.match(missing.join('\n'), /nothing in the last \d+ ms: killed while its event loop was blocked/);
  });

  it('whoever records is killed: the program goes on and records on', async () => {
    const file = program('goes-on.mjs', `console.log('up'); setTimeout(() => console.log('over'), 1_500);`);
    const child = startRecording('orphan', file);
    await once(child.stdout as never, 'data');
    child.kill('SIGKILL');
    const { signal, stdout } = await ended(child);
    assert.deepEqual([signal, stdout], ['SIGKILL', 'over\n']);
    const { processes, missing, info } = await readRecording(join(folder, 'orphan'));
    assert.equal(info.endedMs, undefined);
    assert.match(missing.join('\n'), /^the end: whoever recorded was killed, or still records/);
    // stdout is closed a moment before the process has written its end.
    for (let tries = 0; tries < 100; tries++) {
      if ((await readRecording(join(folder, 'orphan'))).processes[0]?.info.endedMs !== undefined) break;
      await delay(50);
    }
    assert.equal(only((await readRecording(join(folder, 'orphan'))).processes).info.exitCode, 0);
    assert.equal(only(processes).silentMs, undefined);
  });

  it('a folder that is taken away while it runs changes nothing for the program', async () => {
    const file = program(
      'loses.mjs',
      `import { rmSync } from 'node:fs'; import { readdirSync } from 'node:fs';
for (const name of readdirSync('lost')) if (name.startsWith('process-')) rmSync('lost/' + name, { recursive: true });
setTimeout(() => console.log('over'), 1_300);`,
    );
    const { code, stdout, stderr } = await ended(startRecording('lost', file));
    assert.deepEqual([code, stdout], [0, 'over\n']);
    assert.doesNotMatch(stderr, /Error|ENOENT/);
  });
});

describe('the folder', () => {
  it('is refused when it has something in it, and left as it was when the program cannot be started', async () => {
    mkdirSync(join(folder, 'full'));
    writeFileSync(join(folder, 'full', 'something'), '');
    for (const [args, message] of [
      [
        ['--out', 'full', '--', 'node'],
        /full: has something in it\. Name a folder that is empty, or not there/,
      ],
      [
        ['--out', 'full/something', '--', 'node'],
        /full\/something: no folder\. Name another one by --out\n$/,
      ],
      [
        ['--out', 'unused', '--', 'no-such-command-anywhere'],
        /: no-such-command-anywhere: no such command\n$/,
      ],
      [
        [],
        /record needs a command after --, as in: cancel-trace record -- node app\.js; --help tells more\n$/,
      ],
      [
        ['--port', '80,0', '--', 'node'],
        /--port must be ports from 1 to 65535, as in 8080,50051, but has 0;/,
      ],
      [['--capture', '--no-capture', '--', 'node'], /exclude each other/],
      [['--no-capture', '--port', '80', '--', 'node'], /--port is for a capture, not for --no-capture/],
    ] as const) {
      const { code, stderr } = await ended(start([main, 'record', ...args]));
      assert.equal(code, 2, stderr);
      assert.match(stderr, message);
    }
    assert.deepEqual(readdirSync(join(folder, 'unused')), []);
  });

  it('has a name of its own where none is given', async () => {
    const file = program('ends.cjs', '');
    const child = start([main, 'record', '--no-capture', '--', process.execPath, file]);
    const { stderr } = await ended(child);
    const name = /recorded in (cancel-recording-\d{4}-\d\d-\d\d-\d{6})\n/.exec(stderr)?.[1] ?? '';
    assert.ok(existsSync(join(folder, name, 'recording.json')), stderr);
    assert.match(stderr, new RegExp(`next: cancel-trace timeline ${name}\\n$`));
  });

  it('is a source of report', async () => {
    const file = program(
      'cancels.mjs',
      `import http from 'node:http';
const server = http.createServer(() => {}).listen(0, '127.0.0.1', async () => {
  await fetch('http://127.0.0.1:' + server.address().port + '/slow', { signal: AbortSignal.timeout(500) }).catch(() => {});
  setTimeout(() => process.exit(), 300);
});`,
    );
    const { stderr } = await recorded('cancels', file);
    assert.match(stderr, /spans\.jsonl +2 spans, 2 of them cancelled/);
    const { code, stdout } = await ended(start([main, 'report', 'cancels', '--fail-on', 'none']));
    assert.equal(code, 0);
    assert.match(stdout, /1 traces?, 1 with a cancel/);
    const none = await ended(start([main, 'capture', 'cancels']));
    assert.deepEqual([none.code, none.stdout], [2, '']);
    assert.match(none.stderr, /cancels: the capture: not wanted \(--no-capture\)\n$/);
  });
});

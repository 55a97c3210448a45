/** Folders of recordings, whole and as they are left by what was killed. */
import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { readAsync, readProfile } from '../../src/recording/process.ts';
import { readRecording } from '../../src/recording/read.ts';

const made: string[] = [];
after(() => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true });
});

const INFO = {
  version: 1,
  command: ['node', 'app.js'],
  startedMs: 1_000,
  endedMs: 9_000,
  exit: { code: 0, signal: null },
  node: 'v24.0.0',
  platform: 'linux',
  capture: { absent: 'nobody asked for it' },
  isAsync: false,
};
const PROCESS = {
  pid: 7,
  ppid: 1,
  service: 'shop',
  argv: ['node', 'app.js'],
  execArgv: [],
  node: 'v24.0.0',
  startedMs: 1_100,
  isAsync: false,
  absent: {},
};
const PROFILE = {
  nodes: [],
  samples: [],
  timeDeltas: [],
  startTime: 1,
  endTime: 2,
  startMs: 1_100,
  endMs: 3_100,
};

/** With the process in it as `files` say, by their names. */
function folderOf(info: object, files: Readonly<Record<string, string>> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'recording-'));
  made.push(folder);
  writeFileSync(join(folder, 'recording.json'), JSON.stringify(info));
  writeFileSync(join(folder, 'spans.jsonl'), '{"resourceSpans":[]}\n');
  if (Object.keys(files).length > 0) mkdirSync(join(folder, 'process-7'));
  for (const name in files) writeFileSync(join(folder, 'process-7', name), files[name] as string);
  return folder;
}

describe('readRecording', () => {
  it('reads all of a program that ended by itself', async () => {
    const folder = folderOf(INFO, {
      'process.json': JSON.stringify({ ...PROCESS, endedMs: 8_900, exitCode: 0 }),
      'clock.jsonl': '{"atMs":1100,"monotonicUs":5,"wallMs":1100.5,"boundMs":0.5}\n',
      'loop.jsonl':
        '{"atMs":1500,"durationMs":80,"boundMs":3}\n{"atMs":2000,"p50Ms":0.1,"p99Ms":2,"maxMs":80,"cpuMs":200}\n',
      'gc.jsonl': '{"atMs":1600,"durationMs":2,"kind":"minor","flags":0}\n',
      'cpu-0002.cpuprofile': JSON.stringify(PROFILE),
      'cpu-0001.cpuprofile': JSON.stringify(PROFILE),
      'async.jsonl': '{"atMs":1700,"resources":[]}\n',
    });
    const { info, processes, missing, captureFile } = await readRecording(folder);
    assert.deepEqual(info.command, ['node', 'app.js']);
    assert.equal(captureFile, undefined);
    assert.deepEqual(missing, ['the capture: nobody asked for it']);
    const [process] = processes;
    assert.ok(process !== undefined);
    assert.deepEqual(
      [process.stalls.length, process.loop.length, process.gc.length, process.clock.length],
      [1, 1, 1, 1],
    );
    assert.deepEqual(
      process.slices.map((slice) => slice.slice(-19)),
      ['cpu-0001.cpuprofile', 'cpu-0002.cpuprofile'],
    );
    assert.deepEqual([process.lastHeardMs, process.silentMs], [8_900, undefined]);
    assert.equal((await readProfile(process.slices[0] as string)).startMs, 1_100);
    const snapshots = [];
    for await (const snapshot of readAsync(process)) snapshots.push(snapshot);
    assert.deepEqual(snapshots, [{ atMs: 1_700, resources: [] }]);
  });

  it('a process that was killed in the middle of a line: what is before is read, what is missing is named', async () => {
    const folder = folderOf(INFO, {
      'process.json': JSON.stringify(PROCESS),
      'clock.jsonl': '{"atMs":1100,"monotonicUs":5,"wallMs":1100.5,"boundMs":0.5}\n{"atMs":21',
      'gc.jsonl': '{"atMs":1600,"durationMs":2,"kind":"minor","flags":0}\n{"atMs"',
    });
    const { processes, missing } = await readRecording(folder);
    const [process] = processes;
    assert.deepEqual([process?.clock.length, process?.gc.length], [1, 1]);
    assert.deepEqual([process?.lastHeardMs, process?.silentMs], [1_100, 7_900]);
    assert.match(
      missing.join('\n'),
      /^process-7, the end: it told no end and nothing in the last 7900 ms: killed while .* its CPU profile and /m,
    );
  });

  it('whoever recorded was killed: said, and no silence is made of it', async () => {
    const { endedMs: _, exit: __, ...begun } = INFO;
    const folder = folderOf(begun, { 'process.json': JSON.stringify(PROCESS) });
    const { processes, missing } = await readRecording(folder);
    assert.equal(processes[0]?.silentMs, undefined);
    assert.match(missing.join('\n'), /^the end: whoever recorded was killed, or still records/);
  });

  it('a process that was killed before it said who it is, and a program that is none of Node.js', async () => {
    for (const folder of [folderOf(INFO, { 'process.json': '{"pi' }), folderOf(INFO)]) {
      const { processes, missing } = await readRecording(folder);
      assert.deepEqual(processes, []);
      assert.match(missing.join('\n'), /^processes: /m);
    }
  });

  it('says what is wrong, by file, and what to do', async () => {
    const broken = folderOf(INFO, {
      'process.json': JSON.stringify(PROCESS),
      'gc.jsonl': 'no line of ours\n{"atMs":1}\n',
      'cpu-0001.cpuprofile': '{"nodes":[]}',
    });
    await assert.rejects(readRecording(broken), {
      message: `${join(broken, 'process-7', 'gc.jsonl')}:1: no JSON, so somebody else has written to it: take the line out, or record again`,
    });
    await assert.rejects(
      readProfile(join(broken, 'process-7', 'cpu-0001.cpuprofile')),
      /not a CPU profile of a recording\. Remove it$/,
    );
    const later = folderOf({ ...INFO, version: 2 });
    await assert.rejects(readRecording(later), /recording\.json: of version 2, but this one reads version 1/);
    const none = join(later, 'none');
    await assert.rejects(
      readRecording(none),
      /no such file, so that folder is no recording.* record has made$/,
    );
    appendFileSync(join(later, 'recording.json'), '}');
    await assert.rejects(readRecording(later), /recording\.json: not what cancel-trace record writes/);
  });
});

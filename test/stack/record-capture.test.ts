/** The command `record` with packets: of a real program, by a real dumpcap or tcpdump. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { CaptureInfo } from '../../src/recording/format.ts';
import { readRecording } from '../../src/recording/read.ts';
import { findServerProgram } from '../support/databases.ts';
import { captureTools } from '../support/packet-capture.ts';

const tools = captureTools();
const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'record-capture-'));
const started: ChildProcess[] = [];
after(() => {
  for (const child of started) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

function start(args: readonly string[], path = process.env.PATH): ChildProcess {
  const env = { ...process.env, NODE_OPTIONS: undefined, NODE_TEST_CONTEXT: undefined, PATH: path };
  const child = spawn(process.execPath, [main, ...args], { cwd: folder, env, stdio: 'pipe' });
  started.push(child);
  return child;
}

async function ended(child: ChildProcess): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const closed = once(child, 'close');
  const [stdout, stderr] = await Promise.all([text(child.stdout as never), text(child.stderr as never)]);
  const [code] = await closed;
  return { code, stdout, stderr };
}

/** It says its port; a client leaves /slow; the last request is /the-end, right before it exits. */
const APP = `
import http from 'node:http';
const server = http.createServer((request, response) => {
  if (request.url !== '/slow') response.end('done');
}).listen(0, '127.0.0.1', async () => {
  const { port } = server.address();
  console.log(port);
  const url = 'http://127.0.0.1:' + port;
  await fetch(url + '/slow', { signal: AbortSignal.timeout(300) }).catch(() => {});
  await fetch(url + '/the-end').then((answer) => answer.text());
  if (process.argv[2] === 'stays') setInterval(() => http.get(url + '/again', (answer) => answer.resume()), 200);
  else process.exit(4);
});
`;
writeFileSync(join(folder, 'app.mjs'), APP);

/** A folder in which only these programs are found. */
function pathWith(...names: string[]): string {
  const bin = mkdtempSync(join(folder, 'bin-'));
  for (const name of names) symlinkSync(findServerProgram(name) as string, join(bin, name));
  return bin;
}

describe('record with packets', { skip: 'unavailable' in tools && tools.unavailable }, () => {
  it('all until the program ended is in the file; capture tells it beside the spans', async () => {
    const { code, stderr } = await ended(
      start(['record', '--out', 'whole', '--', process.execPath, 'app.mjs']),
    );
    assert.equal(code, 4, stderr);
    assert.match(stderr, /capture\.pcapng +\d+ KiB of packets: lo, all TCP/);
    const { captureFile, missing } = await readRecording(join(folder, 'whole'));
    assert.ok(captureFile !== undefined && readFileSync(captureFile).includes('GET /the-end'));
    assert.deepEqual(missing, []);
    const told = await ended(start(['capture', 'whole']));
    assert.equal(told.code, 0, told.stderr);
    assert.match(told.stdout, /client span deadline_exceeded \(local, signal_timeout\)/);
  });

  it('Ctrl-C at the terminal ends the program, and what that does then is captured', async () => {
    const child = start(['record', '--out', 'ctrl-c', '--', process.execPath, 'app.mjs', 'stays']);
    await once(child.stdout as never, 'data');
    await delay(1_000);
    // As to a group in the foreground: to this one and its program.
    child.kill('SIGINT');
    const { code } = await ended(child);
    assert.equal(code, 128 + 2);
    const { captureFile, info } = await readRecording(join(folder, 'ctrl-c'));
    assert.deepEqual((info.capture as CaptureInfo).lost, undefined);
    assert.ok(captureFile !== undefined && readFileSync(captureFile).includes('GET /again'));
  });

  it('only tcpdump is there, and only one port is asked for', async () => {
    const path = pathWith('tcpdump');
    const child = start(
      ['record', '--port', '1,2', '--out', 'by-tcpdump', '--', process.execPath, 'app.mjs'],
      path,
    );
    const { stderr } = await ended(child);
    assert.match(stderr, /capture\.pcap +1 KiB of packets: lo, port 1, 2/);
    const { captureFile } = await readRecording(join(folder, 'by-tcpdump'));
    assert.ok(captureFile?.endsWith('capture.pcap') && !readFileSync(captureFile).includes('GET /'));
  });

  it('nothing is there, or it may not: it goes on and says so; with --capture it does not', async () => {
    const none = pathWith();
    const lacking = await ended(start(['record', '--out', 'none', '--', process.execPath, 'app.mjs'], none));
    assert.equal(lacking.code, 4);
    assert.match(
      lacking.stderr,
      /^cancel-trace: no packets are captured \(dumpcap is not there; tcpdump is not there\)\n/,
    );
    const { missing } = await readRecording(join(folder, 'none'));
    assert.deepEqual(missing, ['the capture: dumpcap is not there; tcpdump is not there']);
    const fake = join(folder, 'may-not');
    mkdirSync(fake);
    writeFileSync(
      join(fake, 'tcpdump'),
      `#!/bin/sh\necho "tcpdump: lo: You don't have permission to perform this capture on that device" >&2\nexit 1\n`,
      { mode: 0o755 },
    );
    const args = ['--out', 'refused', '--', process.execPath, 'app.mjs'];
    const path = `${fake}${delimiter}/nowhere`;
    const refused = await ended(start(['record', ...args], path));
    assert.match(
      refused.stderr,
      /^cancel-trace: no packets are captured \(.*; tcpdump: lo: You don't have permission/,
    );
    const required = await ended(
      start(['record', '--capture', '--out', 'required', '--', 'node', 'x'], none),
    );
    assert.deepEqual([required.code, required.stdout], [2, '']);
    assert.match(
      required.stderr,
      /--capture: dumpcap is not there; .* Without --capture it is recorded without packets\n$/,
    );
    assert.ok(!existsSync(join(folder, 'required', 'recording.json')));
  });

  it('whoever records is killed: what was captured is read, and dumpcap ends by the next packet', async () => {
    const child = start(['record', '--out', 'killed', '--', process.execPath, 'app.mjs', 'stays']);
    await once(child.stdout as never, 'data');
    await delay(2_000);
    const capturer = capturerOf(child.pid as number);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const { captureFile, processes, missing } = await readRecording(join(folder, 'killed'));
    assert.ok(captureFile !== undefined && readFileSync(captureFile).includes('GET /slow'));
    assert.match(missing.join('\n'), /^the end: whoever recorded was killed/);
    const { stdout } = await ended(start(['capture', 'killed', '--all']));
    assert.match(stdout, /^GET \/slow$/m);
    const { pid } = (processes[0] as (typeof processes)[number]).info;
    for (let tries = 0; tries < 100 && existsSync(`/proc/${capturer}`); tries++) await delay(100);
    process.kill(pid, 'SIGKILL');
    assert.ok(!existsSync(`/proc/${capturer}`));
  });
});

/** Of the process that records. */
function capturerOf(pid: number): string {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  const found = children.find((child) => /dumpcap|tcpdump/.test(readFileSync(`/proc/${child}/comm`, 'utf8')));
  assert.ok(found !== undefined, children.join(' '));
  return found;
}

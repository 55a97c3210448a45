/** Handlers that go on beyond a deadline: in which cell of the heat maps they are, by what they waited for, at which depth. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Report } from '../../src/cli/report/summary.ts';
import { runCommand } from '../support/command.ts';
import { exportedFile } from '../support/exported-file.ts';
import { Telemetry } from '../support/telemetry.ts';

const telemetry = new Telemetry('alone', { trackAsync: true });
const { closeServers, serve } = await import('../integrations/http/chain.ts');
const { default: http } = await import('node:http');
const folder = mkdtempSync(join(tmpdir(), 'beyond-'));
after(() => rmSync(folder, { recursive: true }));
after(closeServers);

const DEADLINE_MS = 60;
/** How long the handlers go on, from their begin: they stop one after the other. */
const GOES_ON_MS = 300;
const DEPTHS = [1, 3, 10];

/** The last function but one of so many: what `wait` is made by is Node's. */
async function waitAt(depth: number, wait: () => unknown): Promise<unknown> {
  return await (depth === 1 ? wait() : waitAt(depth - 1, wait));
}

/** Asks with a deadline, leaves when it has passed, once for each depth. @returns what the report says */
async function reportOn(wait: () => unknown): Promise<Report> {
  telemetry.reset();
  const handled: Promise<unknown>[] = [];
  for (const depth of DEPTHS) {
    let begin: () => void = () => {};
    const hasBegun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    const port = await serve(async (_request, response) => {
      begin();
      const waiting = depth === 1 ? wait() : waitAt(depth - 1, wait);
      handled.push(Promise.resolve(waiting));
      await waiting;
      response.end();
    });
    const headers = { 'timeout-ms': String(DEADLINE_MS) };
    const request = http.get({ port, host: '127.0.0.1', headers });
    request.on('error', () => {});
    // A busy machine may take longer than that to get there.
    await hasBegun;
    await delay(DEADLINE_MS);
    request.destroy();
  }
  await Promise.all(handled);
  const works = () => telemetry.ended.filter(({ name }) => name === 'work after cancel');
  for (let times = 0; times < 300 && works().length < DEPTHS.length; times++) await delay(10);
  await telemetry.allEnded();
  const file = await exportedFile(telemetry.ended, folder);
  const { stdout } = await runCommand('report', file, '--json', '--fail-on', 'none');
  return JSON.parse(stdout);
}

function cellsOf({ beyond }: Report, type: string): unknown {
  const row = [...beyond.asyncTypes, ...beyond.spans].find((each) => each.type === type);
  const named = (names: readonly string[], cells: readonly ({ count: number } | null)[] = []) =>
    Object.fromEntries(names.flatMap((name, index) => (cells[index] ? [[name, cells[index].count]] : [])));
  return [named(beyond.durations, row?.byDuration), named(beyond.depths, row?.byDepth)];
}

const HERE = [{ '100-1000': 3 }, { '1': 1, '3-5': 1, '10-': 1 }];

describe('what a handler waits for beyond the deadline, at 1, 3 and 10 functions', () => {
  it('timers', async () => {
    const report = await reportOn(delay.bind(null, GOES_ON_MS) as () => unknown);
    assert.deepEqual(cellsOf(report, 'Timeout'), HERE);
    assert.deepEqual(cellsOf(report, 'no span'), [{ '100-1000': 3 }, { '0': 3 }]);
  });

  it('promises', async () => {
    const promise = delay(2 * GOES_ON_MS);
    const report = await reportOn(Promise.prototype.finally.bind(promise));
    assert.deepEqual(cellsOf(report, 'PROMISE'), HERE);
  });

  it('files', { skip: process.platform === 'win32' && 'has no named pipes' }, async () => {
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    // Until somebody writes, which is late enough for the last one.
    const writer = delay(2 * GOES_ON_MS).then(() => openSync(pipe, 'r+'));
    const stop = delay(2.2 * GOES_ON_MS).then(async () => closeSync(await writer));
    const report = await reportOn(readFile.bind(null, pipe) as () => unknown);
    await stop;
    assert.deepEqual(cellsOf(report, 'FSREQPROMISE'), HERE);
  });

  it('sockets', async () => {
    const silent = net.createServer();
    await once(silent.listen(0, '127.0.0.1'), 'listening');
    const { port } = silent.address() as net.AddressInfo;
    silent.on('connection', (socket) => {
      socket.on('error', () => {});
      setTimeout(() => socket.end('HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n'), GOES_ON_MS);
    });
    const report = await reportOn(fetch.bind(null, `http://127.0.0.1:${port}/`) as () => unknown);
    silent.close();
    assert.deepEqual(cellsOf(report, 'TCPWRAP'), HERE);
    // Each names the way from the handler to the socket, through what awaits the fetch.
    const stacks = telemetry.ended.flatMap(({ events }) =>
      events.flatMap(({ attributes = {} }) =>
        attributes['cancel.async.type'] === 'TCPWRAP' && 'cancel.async.stacktrace' in attributes
          ? [String(attributes['cancel.async.stacktrace'])]
          : [],
      ),
    );
    const awaited = stacks.map((stack) => stack.split('\n').filter((line) => line.includes('waitAt')).length);
    assert.deepEqual(awaited, [0, 2, 9]);
    for (const stack of stacks) assert.match(stack, /at (?:async )?Server\..*beyond\.test\.ts/);
    assert.deepEqual(
      cellsOf(report, 'http'),
      [{ '100-1000': 3 }, { '1': 3 }],
      'by spans there is no function',
    );
  });
});

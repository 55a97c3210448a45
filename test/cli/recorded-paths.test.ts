/** Paths of cancels as real services record them: gateway, orders and stock in one process, over real sockets. */
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { currentSignal } from '../../src/index.ts';
import { runCommand } from '../support/command.ts';
import { exportedFile } from '../support/exported-file.ts';
import { setup } from '../support/setup.ts';
import { Telemetry } from '../support/telemetry.ts';

/** A good handler stops within this, on a busy machine as well. */
const telemetry = new Telemetry(setup, { workAfterCancelMs: 500 });
const { default: http } = await import('node:http');

const folder = mkdtempSync(join(tmpdir(), 'paths-'));
type Handler = (request: IncomingMessage, response: ServerResponse) => unknown;
const servers = new Set<ReturnType<typeof http.createServer>>();
after(() => {
  for (const server of servers) {
    server.close();
    server.closeAllConnections();
  }
  rmSync(folder, { recursive: true });
});
beforeEach(() => telemetry.reset());

async function serve(handler: Handler): Promise<string> {
  const server = http.createServer((request, response) => handler(request, response));
  servers.add(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Takes 1.5 s, and stops when it is left. */
const stock = await serve((_request, response) => {
  const timer = setTimeout(() => response.end('7'), 1_500);
  response.on('close', () => clearTimeout(timer));
});
let order: Handler;
const orders = await serve((request, response) => order(request, response));
/** A good one. */
const gateway = await serve(async (_request, response) => {
  await fetch(`${orders}/orders`, { signal: currentSignal() as AbortSignal })
    .then((answer) => answer.text())
    .catch(() => undefined);
  response.end();
});

interface Row {
  readonly depth: number;
  readonly told: string;
  readonly trigger?: string;
  readonly afterMs?: number;
  readonly listens: string;
  readonly passesOn: string;
  readonly wastedMs?: number;
  readonly evidence: readonly string[];
}

async function report(...args: string[]): Promise<string> {
  const file = await exportedFile(telemetry.ended, folder);
  const { stdout, stderr } = await runCommand('report', file, ...args);
  assert.equal(stderr, '');
  return stdout;
}

/** A client of the gateway leaves 100 ms after orders was asked. */
async function leave(handler: Handler): Promise<Row[]> {
  const progress = new EventEmitter();
  const asked = once(progress, 'asked');
  const finished = once(progress, 'finished');
  order = async (given, response) => {
    progress.emit('asked');
    await handler(given, response);
    progress.emit('finished');
  };
  const request = http.get(gateway).on('error', () => {});
  await asked;
  await pause(100);
  request.destroy();
  await finished;
  await pause(100);
  await telemetry.allEnded();
  const { paths } = JSON.parse(await report('--json', '--trace', idOfTrace()));
  assert.equal(paths.length, 1);
  return paths[0].hops;
}

function idOfTrace(): string {
  return String(telemetry.ended[0]?.spanContext().traceId);
}

/** Who was told, who stopped, who told others. */
function answers(hops: readonly Row[]): string[] {
  return hops.map(({ depth, told, listens, passesOn }) => {
    // The gateway on a busy machine: it stops, but late.
    const stops = depth === 1 && listens === 'unknown' ? 'yes' : listens;
    return [depth, told, stops, passesOn].join(' ');
  });
}

describe('the path of a cancel through real services', () => {
  it('goes as far as all pass it on', async () => {
    const hops = await leave(async (_request, response) => {
      await fetch(stock, { signal: currentSignal() as AbortSignal }).catch(() => undefined);
      response.end();
    });
    assert.deepEqual(
      hops.map(({ told, passesOn }) => `${told} ${passesOn}`),
      ['itself yes', 'peer yes', 'peer yes', 'peer none'],
    );
    // On a busy machine it may take longer than what surely is stopped.
    assert.ok(
      hops.every(
        ({ listens, wastedMs = 0 }) => listens !== 'no' && (listens !== 'unknown' || wastedMs > 100),
      ),
    );
    assert.deepEqual(
      hops.map(({ trigger }) => trigger),
      ['destroy', 'disconnect', 'disconnect', 'disconnect'],
    );
    const times = hops.map(({ afterMs }) => Number(afterMs));
    assert.equal(times[0], 0);
    assert.ok(
      times.every((ms, index) => ms >= Number(times[index - 1] ?? 0)),
      String(times),
    );
  });

  it('stops where a request runs on for a handler that does not listen', async () => {
    const hops = await leave(async (_request, response) => {
      const answer = await fetch(stock);
      response.end(await answer.text());
    });
    assert.deepEqual(answers(hops), [
      '0 itself none yes',
      '1 peer yes yes',
      '2 peer no no',
      '3 no none none',
    ]);
    const [, , last, never] = hops;
    assert.match(String(last?.evidence), /work_after_cancel: .*,cancel_not_propagated: ran on for \d+ ms/);
    assert.ok(Number(last?.wastedMs) > 500 && Number(never?.wastedMs) > 500);
    assert.equal(never?.afterMs, undefined);
  });

  it('tells who was asked when it was too late already', async () => {
    const hops = await leave(async (_request, response) => {
      await pause(800);
      await fetch(stock, { signal: AbortSignal.timeout(5_000) });
      response.end();
    });
    assert.deepEqual(answers(hops), [
      '0 itself none yes',
      '1 peer yes yes',
      '2 peer no none',
      '3 late none none',
    ]);
  });

  it('is in the report as a table, the worst first; or not, when none is wanted', async () => {
    await leave(async (_request, response) => {
      const answer = await fetch(stock);
      response.end(await answer.text());
    });
    const text = await report();
    assert.match(text, new RegExp(`^trace ${idOfTrace()} {2}decided in `, 'm'));
    assert.match(text, /^ +told +after +listens +passes on +wasted$/m);
    assert.match(text, / ← GET \/orders +peer: disconnect +[\d.]+ ms +✗ +✗ +\d+ ms$/m);
    assert.match(text, /^\d findings in \d+ spans\n$/m);
    assert.doesNotMatch(await report('--paths', '0'), /passes on/);
    const { findings, spanCount } = JSON.parse(await report('--json'));
    assert.ok(spanCount >= 7);
    assert.ok(findings.some(({ rule }: { rule: string }) => rule === 'cancel_not_propagated'));
  });
});

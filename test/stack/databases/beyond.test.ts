/** A handler whose query PostgreSQL goes on with beyond the deadline: in which cells of the heat maps it is, by its span and by the socket. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { PgInstrumentation } from '@opentelemetry/instrumentation-pg';
import type { Report } from '../../../src/cli/report/summary.ts';
import { runCommand } from '../../support/command.ts';
import { startDatabase } from '../../support/databases.ts';
import { exportedFile } from '../../support/exported-file.ts';
import { Telemetry } from '../../support/telemetry.ts';

registerInstrumentations({ instrumentations: [new PgInstrumentation()] });
const telemetry = new Telemetry('alone', { trackAsync: true });
const { closeServers, serve } = await import('../../integrations/http/chain.ts');
const { default: http } = await import('node:http');
// What is imported is not seen by the official instrumentation without a loader.
const pg = createRequire(import.meta.url)('pg') as typeof import('pg');

const database = await startDatabase('postgresql');
const folder = mkdtempSync(join(tmpdir(), 'beyond-pg-'));
after(async () => {
  closeServers();
  rmSync(folder, { recursive: true });
  if (!('unavailable' in database)) await database.stop();
});
/** Longer than it takes to connect. */
const DEADLINE_MS = 1_000;

describe('a query that goes on beyond the deadline', {
  skip: 'unavailable' in database && database.unavailable,
}, () => {
  it('is of a database, a span below the handler, and its socket is what was pending', async () => {
    if ('unavailable' in database) return;
    const { url } = database;
    let begun: () => void = () => {};
    const hasBegun = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const port = await serve(async (_request, response) => {
      const client = new pg.Client(url);
      await client.connect();
      begun();
      await client.query('select pg_sleep(1.5)');
      await client.end();
      response.end();
    });
    const request = http.get({ port, host: '127.0.0.1', headers: { 'timeout-ms': String(DEADLINE_MS) } });
    request.on('error', () => {});
    await hasBegun;
    await delay(DEADLINE_MS);
    request.destroy();
    const isThere = () => telemetry.ended.some(({ name }) => name === 'work after cancel');
    for (let times = 0; times < 500 && !isThere(); times++) await delay(10);
    await telemetry.allEnded();
    const file = await exportedFile(telemetry.ended, folder);
    const { stdout } = await runCommand('report', file, '--json', '--fail-on', 'none');
    const { beyond } = JSON.parse(stdout) as Report;
    const named = (names: readonly string[], cells: readonly ({ count: number } | null)[] = []) =>
      Object.fromEntries(names.flatMap((name, index) => (cells[index] ? [[name, cells[index].count]] : [])));
    const ofDatabase = beyond.spans.find(({ type }) => type === 'db');
    assert.deepEqual(named(beyond.durations, ofDatabase?.byDuration), { '100-1000': 1 });
    assert.deepEqual(named(beyond.depths, ofDatabase?.byDepth), { '1': 1 });
    const socket = beyond.asyncTypes.find(({ type }) => type === 'TCPWRAP');
    assert.deepEqual(named(beyond.durations, socket?.byDuration), { '100-1000': 1 });
  });
});

/** A cancel is sent by another connection, and may come late: it never hits the next query of its connection. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { startDatabase } from '../../support/databases.ts';
import { Telemetry } from '../../support/telemetry.ts';
import { RACES, raceAll } from './race.ts';
import { Visits } from './visits.ts';

new Telemetry('alone', { propagate: { cancel: true } });
const { default: pg } = await import('pg');

const database = await startDatabase('postgresql');
const skip = 'unavailable' in database && database.unavailable;

it('ten thousand cancels hit their own query, or none', { skip }, async () => {
  if ('unavailable' in database) return;
  const visits = new Visits();
  await visits.open();
  const pool = new pg.Pool({ connectionString: database.url, max: 10 });
  try {
    const start = async () => {
      const client = await pool.connect();
      return {
        query: async (ms: number) => void (await client.query('select pg_sleep($1)', [ms / 1_000])),
        next: async () => void (await client.query('select pg_sleep(0.0005)')),
        release: () => client.release(),
      };
    };
    const t0 = Date.now();
    const cancelled = await raceAll(
      visits,
      start,
      (error) => error instanceof pg.DatabaseError && error.code === '57014',
    );
    console.log('cancelled', cancelled, Date.now() - t0); // Those that came late are no less than what this is about.
    assert.ok(cancelled > RACES / 50 && cancelled < RACES, `${cancelled} were cancelled`);
  } finally {
    await pool.end();
    visits.close();
    await database.stop();
  }
});

/** A cancel is sent by another connection, and may come late: it never hits the next query of its connection. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { startDatabase } from '../../support/databases.ts';
import { Telemetry } from '../../support/telemetry.ts';
import { RACES, raceAll } from './race.ts';
import { Visits } from './visits.ts';

new Telemetry('alone', { propagate: { cancel: true } });
const { default: mysql } = await import('mysql2/promise');

const database = await startDatabase('mariadb');
const skip = 'unavailable' in database && database.unavailable;

it('ten thousand cancels hit their own query, or none', { skip }, async () => {
  if ('unavailable' in database) return;
  const visits = new Visits();
  await visits.open();
  const pool = mysql.createPool({ uri: database.url, connectionLimit: 10 });
  try {
    const start = async () => {
      const connection = await pool.getConnection();
      return {
        query: async (ms: number) => void (await connection.query('select sleep(?)', [ms / 1_000])),
        next: async () => void (await connection.query('select sleep(0.0005)')),
        release: () => connection.release(),
      };
    };
    const cancelled = await raceAll(
      visits,
      start,
      (error) => (error as { code?: unknown } | undefined)?.code === 'ER_QUERY_INTERRUPTED',
    );
    assert.ok(cancelled > RACES / 50 && cancelled < RACES, `${cancelled} were cancelled`);
  } finally {
    await pool.end();
    visits.close();
    await database.stop();
  }
});

/** Each of our functions for databases fails in turn: queries end as without us, be it that the server is not told of a cancel. */
import assert from 'node:assert/strict';
import { register } from 'node:module';
import { it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';

// Before anything of ours is loaded.
register('../../support/sabotage-loader.mjs', import.meta.url);
const { sabotageSuite } = await import('../../support/sabotage.ts');
const { Telemetry } = await import('../../support/telemetry.ts');
const telemetry = new Telemetry('alone', { propagate: { cancel: true } });
const { startDatabase } = await import('../../support/databases.ts');
const { codeOf, Queries, Visits } = await import('./visits.ts');
const { default: pg } = await import('pg');
const { default: mysql } = await import('mysql2/promise');

const visits = new Visits();
await visits.open();
const options = {
  functions: /^(?:integrations\/(?:pg|mysql2)\/|cancellation\/cancellable-statement|telemetry\/pass-on)/,
  least: 20,
};

/** It ends by the cancel, where that is passed on, and otherwise by itself: soon enough in either case. */
function assertEnded(result: unknown, code: string): void {
  if (result instanceof Error) assert.equal(codeOf(result), code, String(result));
  else assert.ok(result);
}

/** A server that listens may still refuse. */
async function whenReady<T>(open: () => Promise<T>): Promise<T> {
  for (let tries = 0; tries < 100; tries++) {
    try {
      return await open();
    } catch {
      await delay(50);
    }
  }
  return await open();
}

const postgresql = await startDatabase('postgresql');
if ('unavailable' in postgresql) it('pg', { skip: postgresql.unavailable });
else {
  const { hostname, port } = new URL(postgresql.url);
  const config = { host: hostname, port: Number(port), user: 'test', database: 'postgres' };
  const watcher = await whenReady(async () => {
    const client = new pg.Client({ ...config, application_name: 'watcher' });
    await client.connect();
    return client;
  });
  const queries = new Queries(visits, async (part = 'pg_sleep') => {
    const text = `select count(*)::int n from pg_stat_activity
      where application_name = 'shop' and state = 'active' and strpos(query, $1) > 0`;
    const { rows } = await watcher.query<{ n: number }>(text, [part]);
    return rows[0]?.n ?? Number.NaN;
  });
  const cases = [1, 2].map((max) => ({
    name: `a query whose client leaves, and others, of a pool of ${max}`,
    async stage() {
      const pool = new pg.Pool({ ...config, max, application_name: 'shop' });
      assertEnded(await queries.leftWhileRunning(() => pool.query('select pg_sleep(0.3)')), '57014');
      const answers = await Promise.all([1, 2, 3].map((n) => pool.query('select $1::int n', [n])));
      assert.deepEqual(
        answers.map(({ rows }) => rows[0].n),
        [1, 2, 3],
      );
      await assert.rejects(pool.query('select nothing from nowhere'), { code: '42P01' });
      await pool.end();
    },
  }));
  const close = async (): Promise<void> => {
    await watcher.end();
    await postgresql.stop();
  };
  const hook = 'integrations/pg/connection-hooks:watchQueries>#1';
  sabotageSuite('pg', telemetry, { cases, close }, { ...options, hook });
}

const mariadb = await startDatabase('mariadb');
if ('unavailable' in mariadb) it('mysql2', { skip: mariadb.unavailable });
else {
  const { hostname, port } = new URL(mariadb.url);
  const config = { host: hostname, port: Number(port), user: 'root' };
  const watcher = await whenReady(() => mysql.createConnection(config));
  await watcher.query("drop user if exists ''@localhost");
  const queries = new Queries(visits, async (part = 'sleep') => {
    const text = `select count(*) n from information_schema.processlist
      where command in ('Query', 'Execute') and id <> connection_id() and info regexp ?`;
    const [rows] = await watcher.query<import('mysql2/promise').RowDataPacket[]>(text, [part]);
    return Number(rows[0]?.n);
  });
  const cases = (['query', 'execute'] as const).map((method) => ({
    name: `a query by ${method}() whose client leaves, and others`,
    async stage() {
      const pool = mysql.createPool({ ...config, connectionLimit: 1 });
      const ask = pool[method].bind(pool) as (
        sql: string,
        values?: number[],
      ) => Promise<[{ n: unknown }[], unknown]>;
      const left = await queries.leftWhileRunning(() => ask('select sleep(0.3)'));
      assertEnded(left, 'ER_QUERY_INTERRUPTED');
      const answers = await Promise.all([1, 2, 3].map((n) => ask('select ? n', [n])));
      assert.deepEqual(
        answers.map(([rows]) => Number(rows[0]?.n)),
        [1, 2, 3],
      );
      await assert.rejects(ask('select nothing from nowhere.nowhere'), { code: 'ER_NO_SUCH_TABLE' });
      await pool.end();
    },
  }));
  const close = async (): Promise<void> => {
    await watcher.end();
    await mariadb.stop();
    visits.close();
  };
  const hook = 'integrations/mysql2/connection-hooks:watchConnections>see';
  sabotageSuite('mysql2', telemetry, { cases, close }, { ...options, hook });
}

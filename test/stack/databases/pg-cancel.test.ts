/** `propagate.cancel` reaches PostgreSQL: queries of a request whose client leaves, by pg and what is built on it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chown, stat, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client, Pool, PoolConfig } from 'pg';
import { CancellationInstrumentation } from '../../../src/index.ts';
import { selfSignedCertificate } from '../../integrations/http/certificate.ts';
import { startDatabase } from '../../support/databases.ts';
import { setup } from '../../support/setup.ts';
import { Telemetry } from '../../support/telemetry.ts';
import { codeOf, Queries, Visits } from './visits.ts';

const telemetry = new Telemetry(setup, { propagate: { cancel: true } });
const { default: pg } = await import('pg');
// @ts-expect-error it has no types
const { default: Cursor } = await import('pg-cursor');
const { default: QueryStream } = await import('pg-query-stream');
const { default: knex } = await import('knex');
const { drizzle } = await import('drizzle-orm/node-postgres');
const { DataSource } = await import('typeorm');

const SLEEP = 'select pg_sleep(20)';

const database = await startDatabase('postgresql');
const skip = 'unavailable' in database && database.unavailable;

describe('pg', { skip }, () => {
  let watcher: Client;
  let config: PoolConfig;
  const pools: Pool[] = [];
  const visits = new Visits();
  const queries = new Queries(visits, running);

  before(async () => {
    if ('unavailable' in database) return;
    const { hostname, port } = new URL(database.url);
    config = { host: hostname, port: Number(port), user: 'test', database: 'postgres' };
    watcher = new pg.Client({ ...config, application_name: 'watcher' });
    await watcher.connect();
    await watcher.query('create table counted (n int)');
    await watcher.query('insert into counted values (0)');
    await visits.open();
  });

  after(async () => {
    visits.close();
    await Promise.all(pools.map((pool) => pool.end()));
    await watcher.end();
    if ('stop' in database) await database.stop();
    // pg was there before the other instrumentations of these tests, and they say so.
    assert.deepEqual(
      telemetry.diagnostics.filter((message) => !message.includes('was loaded before')),
      [],
    );
  });

  function poolOf(more: PoolConfig = {}): Pool {
    const pool = new pg.Pool({ ...config, max: 1, application_name: 'shop', ...more });
    pools.push(pool);
    return pool;
  }

  /** What the server runs for us. */
  async function running(part = 'pg_sleep'): Promise<number> {
    const text = `select count(*)::int n from pg_stat_activity
      where application_name = 'shop' and state = 'active' and strpos(query, $1) > 0`;
    const { rows } = await watcher.query<{ n: number }>(text, [part]);
    return rows[0]?.n ?? Number.NaN;
  }

  it('the query of a request whose client leaves is cancelled on the server, with its own error', async () => {
    const pool = poolOf();
    const start = performance.now();
    const error = await queries.leftWhileRunning(() => pool.query(SLEEP));
    assert.ok(error instanceof pg.DatabaseError, String(error));
    assert.equal(error.code, '57014');
    assert.equal(error.message, 'canceling statement due to user request');
    await queries.untilRunning(0);
    assert.ok(performance.now() - start < 5_000);
    assert.deepEqual((await pool.query('select 1 as one')).rows, [{ one: 1 }]);
  });

  for (const [option, left] of [
    [true, 0],
    [false, 20],
  ] as const) {
    it(`of twenty queries ${left} run on, with \`propagate.cancel\` ${option}`, async () => {
      telemetry.instrumentation.disable();
      const other = new CancellationInstrumentation({ propagate: { cancel: option } });
      const pool = poolOf({ max: 20 });
      const handlers = Array.from({ length: 20 }, () => visits.visit(() => pool.query('select pg_sleep(1)')));
      await queries.untilRunning(20);
      await Promise.all(handlers.map((handler) => handler.leave()));
      await delay(200);
      assert.equal(await running(), left);
      await Promise.all(handlers.map((handler) => handler.result));
      other.disable();
      telemetry.instrumentation.enable();
    });
  }

  it('a client that is connected by TLS', async () => {
    assert.ok('folder' in database);
    const { key, cert } = selfSignedCertificate();
    const data = join(database.folder, 'data');
    const { uid, gid } = await stat(data);
    await writeFile(join(data, 'server.crt'), cert);
    await writeFile(join(data, 'server.key'), key, { mode: 0o600 });
    await chown(join(data, 'server.key'), uid, gid);
    await watcher.query('alter system set ssl = on');
    await watcher.query('select pg_reload_conf(), pg_sleep(0.2)');
    const pool = poolOf({ ssl: { rejectUnauthorized: false } });
    assert.equal(codeOf(await queries.leftWhileRunning(() => pool.query(SLEEP))), '57014');
    assert.deepEqual((await pool.query('select ssl from pg_stat_ssl where pid = pg_backend_pid()')).rows, [
      { ssl: true },
    ]);
  });

  for (const host of ['localhost', 'a Unix socket']) {
    it(`a client that is connected by ${host}`, async () => {
      assert.ok('folder' in database);
      const pool = poolOf({ host: host === 'localhost' ? host : database.folder });
      assert.equal(codeOf(await queries.leftWhileRunning(() => pool.query(SLEEP))), '57014');
      assert.equal((await pool.query('select 1')).rowCount, 1);
    });
  }

  it('a prepared statement, with values', async () => {
    const pool = poolOf();
    const query = { name: 'sleep', text: 'select pg_sleep($1)', values: [20] };
    assert.equal(codeOf(await queries.leftWhileRunning(() => pool.query(query))), '57014');
    assert.equal((await pool.query({ ...query, values: [0] })).rowCount, 1);
  });

  it('by callback, and a write that is undone', async () => {
    const pool = poolOf();
    const update = 'update counted set n = n + 1 from (select pg_sleep(20)) as s returning n';
    const error = await queries.leftWhileRunning(
      () => new Promise((resolve) => pool.query(update, (failure: Error) => resolve(failure))),
    );
    assert.equal(codeOf(error), '57014');
    assert.deepEqual((await watcher.query('select n from counted')).rows, [{ n: 0 }]);
  });

  it('a query that waited for the connection of another request is not cancelled with that one', async () => {
    const pool = poolOf();
    await queries.untilRunning(0);
    const first = visits.visit(async () => {
      await pool.query('select pg_sleep(0.2)');
      await delay(5_000, undefined, { ref: false });
    });
    await queries.untilRunning(1);
    const second = visits.visit(() => pool.query('select pg_sleep(0.61)'));
    // The pool calls back in the context of whoever returns the connection.
    await queries.untilRunning(1, 'pg_sleep(0.61)');
    await first.leave();
    assert.equal(((await second.result) as { rowCount: number }).rowCount, 1);
  });

  it('what is started after the cancel runs', async () => {
    const pool = poolOf();
    const result = await queries.leftWhileRunning(async () => {
      await pool.query(SLEEP).catch(() => {});
      return await pool.query('select pg_sleep(0.1), 2 as two');
    });
    assert.equal((result as { rows: { two: number }[] }).rows[0]?.two, 2);
  });

  it('a transaction is left alone, to its end', async () => {
    const pool = poolOf();
    const result = await queries.leftWhileRunning(async () => {
      const client = await pool.connect();
      await client.query('begin');
      await client.query('update counted set n = n + 1 from (select pg_sleep(0.5)) as s');
      const { command } = await client.query('commit');
      client.release();
      return command;
    });
    assert.equal(result, 'COMMIT');
    assert.deepEqual((await watcher.query('select n from counted')).rows, [{ n: 1 }]);
  });

  it('so are several statements in one text, and a block', async () => {
    for (const text of ['select pg_sleep(0.3); select 1', 'do $$ begin perform pg_sleep(0.3); end $$']) {
      const result = await queries.leftWhileRunning(() => poolOf().query(text));
      assert.ok(!(result instanceof Error), `${text}: ${result}`);
    }
  });

  it('cancelInTransaction reaches a statement within a transaction, which is then rolled back', async () => {
    telemetry.instrumentation.disable();
    const other = new CancellationInstrumentation({ propagate: { cancel: true, cancelInTransaction: true } });
    const pool = poolOf();
    const result = await queries.leftWhileRunning(async () => {
      const client = await pool.connect();
      await client.query('begin');
      await client.query('update counted set n = 100');
      const error = await client.query(SLEEP).catch((failure: unknown) => failure);
      const { command } = await client.query('rollback');
      client.release();
      return [codeOf(error), command];
    });
    assert.deepEqual(result, ['57014', 'ROLLBACK']);
    assert.deepEqual((await watcher.query('select n from counted')).rows, [{ n: 1 }]);
    other.disable();
    telemetry.instrumentation.enable();
  });

  it('a COPY', async () => {
    const pool = poolOf();
    const error = await queries.leftWhileRunning(() => pool.query(`copy (${SLEEP}) to stdout`));
    assert.equal(codeOf(error), '57014');
    assert.equal((await pool.query('select 1')).rowCount, 1);
  });

  it('a cursor, and a stream of rows', async () => {
    const pool = poolOf();
    const slow = 'select n, pg_sleep(0.05) from generate_series(1, 1000) n';
    const error = await queries.leftWhileRunning(async () => {
      const client = await pool.connect();
      const cursor = client.query(new Cursor(slow));
      const failure = await cursor.read(500).catch((caught: unknown) => caught);
      await cursor.close();
      client.release();
      return failure;
    });
    assert.equal(codeOf(error), '57014');
    const streamError = await queries.leftWhileRunning(async () => {
      const client = await pool.connect();
      try {
        for await (const _row of client.query(new QueryStream(slow)));
      } finally {
        client.release();
      }
    });
    assert.equal(codeOf(streamError), '57014');
    assert.equal((await pool.query('select 1')).rowCount, 1);
  });

  it('Knex, Drizzle and TypeORM', async () => {
    const connection = {
      host: '127.0.0.1',
      port: config.port as number,
      user: 'test',
      database: 'postgres',
      application_name: 'shop',
    };
    const db = knex({ client: 'pg', connection, pool: { min: 0, max: 1 } });
    assert.equal(codeOf(await queries.leftWhileRunning(async () => await db.raw(SLEEP))), '57014');
    await db.destroy();

    const orm = drizzle({ client: poolOf() });
    const error = (await queries.leftWhileRunning(async () => await orm.execute(SLEEP))) as Error;
    assert.equal(codeOf(error.cause), '57014');

    const source = new DataSource({
      type: 'postgres',
      host: config.host as string,
      port: config.port as number,
      username: 'test',
      database: 'postgres',
      applicationName: 'shop',
    });
    await source.initialize();
    assert.equal(codeOf(await queries.leftWhileRunning(() => source.query(SLEEP))), '57014');
    await source.destroy();
  });

  it('a cancel that is taken and never confirmed costs the connection, after ten seconds', async () => {
    let swallowed = 0;
    const relay = createServer((client) => {
      client.once('data', (start) => {
        client.on('error', () => {});
        if (start.readInt32BE(4) === 80877102) {
          swallowed++;
          return;
        }
        const server = connect(config.port as number, '127.0.0.1').on('error', () => {});
        server.write(start);
        server.pipe(client).pipe(server);
      });
    }).listen(0, '127.0.0.1');
    await once(relay, 'listening');
    const pool = poolOf({ port: (relay.address() as AddressInfo).port });
    const result = await queries.leftWhileRunning(() =>
      pool.query('select pg_sleep(0.3), pg_backend_pid() as pid'),
    );
    const [{ pid } = { pid: 0 }] = (result as { rows: { pid: number }[] }).rows;
    assert.equal(swallowed, 1);
    await once(pool, 'remove');
    const { rows } = await pool.query('select pg_backend_pid() as pid');
    assert.notEqual(rows[0].pid, pid);
    relay.close();
  });

  it('in pipeline mode nothing is cancelled: the server has the next query already', async () => {
    const client = new pg.Client({ ...config, application_name: 'shop', pipeline: true } as PoolConfig);
    await client.connect();
    const result = await queries.leftWhileRunning(() =>
      Promise.all([client.query('select pg_sleep(0.3)'), client.query('select 1')]),
    );
    assert.ok(Array.isArray(result), String(result));
    await client.end();
  });
});

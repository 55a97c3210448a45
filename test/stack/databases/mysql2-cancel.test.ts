/** `propagate.cancel` reaches MariaDB: queries of a request whose client leaves, by mysql2. */
import assert from 'node:assert/strict';
import dns from 'node:dns';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Connection, Pool, PoolOptions, RowDataPacket } from 'mysql2/promise';
import { CancellationInstrumentation } from '../../../src/index.ts';
import { startDatabase } from '../../support/databases.ts';
import { setup } from '../../support/setup.ts';
import { Telemetry } from '../../support/telemetry.ts';
import { codeOf, Queries, Visits } from './visits.ts';

const telemetry = new Telemetry(setup, { propagate: { cancel: true } });
const { default: mysql } = await import('mysql2/promise');

/** One that sleep() does not end early and well, as MySQL's does. */
const LONG = 'select count(*) n from seq_1_to_1000000000000 where seq % 7 = 3';

const database = await startDatabase('mariadb');
const skip = 'unavailable' in database && database.unavailable;

describe('mysql2', { skip }, () => {
  let watcher: Connection;
  let config: PoolOptions;
  const pools: Pool[] = [];
  const visits = new Visits();
  const queries = new Queries(visits, running);

  before(async () => {
    if ('unavailable' in database) return;
    const { hostname, port } = new URL(database.url);
    config = { host: hostname, port: Number(port), user: 'root' };
    watcher = await mysql.createConnection(config);
    // Whoever comes from here would be that one.
    await watcher.query("drop user if exists ''@localhost");
    await watcher.query('create database shop');
    await watcher.query('create table shop.counted (n int) engine=innodb');
    await watcher.query('insert into shop.counted values (0)');
    config = { ...config, database: 'shop' };
    await visits.open();
  });

  after(async () => {
    visits.close();
    await Promise.all(pools.map((pool) => pool.end()));
    await watcher.end();
    if ('stop' in database) await database.stop();
    assert.deepEqual(telemetry.diagnostics, []);
  });

  function poolOf(more: PoolOptions = {}): Pool {
    const pool = mysql.createPool({ ...config, connectionLimit: 1, ...more });
    pools.push(pool);
    return pool;
  }

  /** What the server runs for us. */
  async function running(part = 'sleep|seq_1'): Promise<number> {
    const text = `select count(*) n from information_schema.processlist where db = 'shop'
      and command in ('Query', 'Execute') and info not like 'KILL%' and info regexp ?`;
    const [rows] = await watcher.query<RowDataPacket[]>(text, [part]);
    return Number(rows[0]?.n);
  }

  /** Until the user has so many connections: that which kills goes when it was idle for a second. */
  async function untilGone(user: string, left: number): Promise<void> {
    const text = 'select count(*) n from information_schema.processlist where user = ?';
    for (let looks = 0; looks < 100; looks++) {
      const [rows] = await watcher.query<RowDataPacket[]>(text, [user]);
      if (Number(rows[0]?.n) <= left) return;
      await delay(50);
    }
    assert.fail(`${user} has more than ${left} connections`);
  }

  async function counted(): Promise<unknown> {
    const [rows] = await watcher.query<RowDataPacket[]>('select n from shop.counted');
    return rows[0]?.n;
  }

  it('the query of a request whose client leaves is cancelled on the server, with its own error', async () => {
    const pool = poolOf();
    const start = performance.now();
    const error = await queries.leftWhileRunning(() => pool.query(LONG));
    assert.equal(codeOf(error), 'ER_QUERY_INTERRUPTED');
    assert.equal((error as Error).message, 'Query execution was interrupted');
    await queries.untilRunning(0);
    assert.ok(performance.now() - start < 5_000);
    assert.deepEqual((await pool.query('select 1 as one'))[0], [{ one: 1 }]);
  });

  it('without the option it runs on', async () => {
    telemetry.instrumentation.disable();
    const other = new CancellationInstrumentation();
    const visit = visits.visit(() => poolOf().query('select sleep(0.6)'));
    await queries.untilRunning(1);
    await visit.leave();
    await delay(200);
    assert.equal(await running(), 1);
    assert.ok(Array.isArray(await visit.result));
    other.disable();
    telemetry.instrumentation.enable();
  });

  it('a connection by a Unix socket', async () => {
    assert.ok('folder' in database);
    const pool = poolOf({ socketPath: join(database.folder, 'socket') });
    assert.equal(codeOf(await queries.leftWhileRunning(() => pool.query(LONG))), 'ER_QUERY_INTERRUPTED');
  });

  it('a connection by TLS, of a user who is let in by TLS alone', async () => {
    assert.ok('folder' in database);
    await watcher.query('create user secure require ssl');
    await watcher.query('grant all on shop.* to secure');
    const ca = readFileSync(join(database.folder, 'server.crt'));
    const pool = poolOf({ user: 'secure', ssl: { ca, verifyIdentity: false } });
    for (const _ of [1, 2])
      assert.equal(codeOf(await queries.leftWhileRunning(() => pool.query(LONG))), 'ER_QUERY_INTERRUPTED');
    const [rows] = await pool.query<RowDataPacket[]>("show status like 'Ssl_cipher'");
    assert.match(rows[0]?.Value, /TLS/);
  });

  it('of a name with several servers, by that which runs the query', async (t) => {
    type Found = (error: null, address: string | object[], family?: number) => void;
    const addresses = ['127.0.0.1', '127.0.0.2'];
    const lookup = t.mock.method(dns, 'lookup', (_host: string, options: { all?: boolean }, found: Found) => {
      const address = addresses.shift() ?? '127.0.0.2';
      if (options.all === true) found(null, [{ address, family: 4 }]);
      else found(null, address, 4);
    });
    const pool = poolOf({ host: 'database.test' });
    const seconds = 'select count(*) n from seq_1_to_200000000 where seq % 7 = 3';
    assert.equal(codeOf(await queries.leftWhileRunning(() => pool.query(seconds))), 'ER_QUERY_INTERRUPTED');
    assert.ok(lookup.mock.callCount() > 0);
  });

  it('a user whose password has changed since', async () => {
    await watcher.query("create user rotated identified by 'old'");
    await watcher.query('grant all on shop.* to rotated');
    const seconds = 'select count(*) n from seq_1_to_200000000 where seq % 7 = 3';
    for (const [index, password] of ['old', 'new'].entries()) {
      await watcher.query(`alter user rotated identified by '${password}'`);
      const pool = poolOf({ user: 'rotated', password });
      assert.equal(codeOf(await queries.leftWhileRunning(() => pool.query(seconds))), 'ER_QUERY_INTERRUPTED');
      await untilGone('rotated', index + 1);
    }
  });

  it('execute(), the first and the next', async () => {
    const pool = poolOf();
    for (const _ of [1, 2]) {
      const error = await queries.leftWhileRunning(() =>
        pool.execute('select count(*) from seq_1_to_1000000000000 where seq % ? = 3', [7]),
      );
      assert.equal(codeOf(error), 'ER_QUERY_INTERRUPTED');
    }
    assert.deepEqual((await pool.execute('select ? as one', [1]))[0], [{ one: 1 }]);
  });

  it('by callback, and a write that is undone', async () => {
    const pool = poolOf();
    const update = 'update counted set n = n + 1 where sleep(20) = 0';
    const error = await queries.leftWhileRunning(
      () => new Promise((resolve) => pool.pool.query(update, (failure) => resolve(failure))),
    );
    assert.equal(codeOf(error), 'ER_QUERY_INTERRUPTED');
    assert.equal(await counted(), 0);
  });

  it('a stream of rows', async () => {
    const pool = poolOf();
    const rows: unknown[] = [];
    const error = await queries.leftWhileRunning(async () => {
      for await (const row of pool.pool.query('select seq from seq_1_to_1000000000000').stream()) {
        if (rows.push(row) % 10_000 === 0) await delay(1);
      }
    });
    assert.equal(codeOf(error), 'ER_QUERY_INTERRUPTED');
    assert.equal(Array.isArray((await pool.query('select 1'))[0]), true);
  });

  it('a query that waited for the connection of another request is not cancelled with that one', async () => {
    const pool = poolOf();
    await queries.untilRunning(0);
    const first = visits.visit(async () => {
      await pool.query('select sleep(0.2)');
      await delay(5_000, undefined, { ref: false });
    });
    await queries.untilRunning(1);
    const second = visits.visit(() => pool.query('select sleep(0.61) as slept'));
    // The pool calls back in the context of whoever returns the connection.
    await queries.untilRunning(1, 'sleep.0.61');
    await first.leave();
    assert.deepEqual(((await second.result) as unknown[])[0], [{ slept: 0 }]);
  });

  it('what is started after the cancel runs', async () => {
    const pool = poolOf();
    const result = await queries.leftWhileRunning(async () => {
      await pool.query(LONG).catch(() => {});
      return await pool.query('select sleep(0.1) as slept');
    });
    assert.deepEqual((result as unknown[])[0], [{ slept: 0 }]);
  });

  for (const begin of ['begin', 'set autocommit = 0']) {
    it(`a transaction is left alone, to its end: ${begin}`, async () => {
      const pool = poolOf();
      const before = Number(await counted());
      const result = await queries.leftWhileRunning(async () => {
        const connection = await pool.getConnection();
        await connection.query(begin);
        await connection.query('update counted set n = n + 1 where sleep(0.5) = 0');
        await connection.query('commit');
        connection.release();
        return 'done';
      });
      assert.equal(result, 'done');
      assert.equal(await counted(), before + 1);
    });
  }

  it('cancelInTransaction reaches a statement within a transaction, which is then rolled back', async () => {
    telemetry.instrumentation.disable();
    const other = new CancellationInstrumentation({ propagate: { cancel: true, cancelInTransaction: true } });
    const pool = poolOf();
    const before = await counted();
    const result = await queries.leftWhileRunning(async () => {
      const connection = await pool.getConnection();
      await connection.query('begin');
      await connection.query('update counted set n = 100');
      const error = await connection.query(LONG).catch((failure: unknown) => failure);
      await connection.query('rollback');
      connection.release();
      return codeOf(error);
    });
    assert.equal(result, 'ER_QUERY_INTERRUPTED');
    assert.equal(await counted(), before);
    other.disable();
    telemetry.instrumentation.enable();
  });

  it('a server that refuses the other connection: the query runs on', async () => {
    const pool = poolOf();
    await pool.query('select 1');
    await watcher.query('set global max_connections = 10');
    const others = await Promise.all(
      Array.from({ length: 9 }, () => mysql.createConnection(config).catch(() => undefined)),
    );
    const result = await queries.leftWhileRunning(() => pool.query('select sleep(0.4) as slept'));
    assert.deepEqual((result as unknown[])[0], [{ slept: 0 }]);
    assert.equal(Array.isArray((await pool.query('select 1'))[0]), true);
    await Promise.all(others.map((other) => other?.end()));
    await watcher.query('set global max_connections = 100');
  });
});

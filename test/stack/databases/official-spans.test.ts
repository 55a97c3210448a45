/** A query that is cancelled with its request, beside the official instrumentation of its client: its spans are those of any query that is cancelled. */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, describe, it } from 'node:test';
import { SpanKind } from '@opentelemetry/api';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { MySQL2Instrumentation } from '@opentelemetry/instrumentation-mysql2';
import { PgInstrumentation } from '@opentelemetry/instrumentation-pg';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { type DatabaseName, startDatabase } from '../../support/databases.ts';
import { setup } from '../../support/setup.ts';
import { Telemetry } from '../../support/telemetry.ts';
import { codeOf, Queries, Visits } from './visits.ts';

function registerOfficial(): void {
  registerInstrumentations({ instrumentations: [new PgInstrumentation(), new MySQL2Instrumentation()] });
}

if (setup === 'official first') registerOfficial();
const telemetry = new Telemetry(setup, { propagate: { cancel: true } });
if (setup === 'official last') registerOfficial();
// What is imported is not seen by the official instrumentations without a loader.
const require = createRequire(import.meta.url);
const pg = require('pg') as typeof import('pg');
const mysql = require('mysql2/promise') as typeof import('mysql2/promise');

/** A client of the database, and another that looks after it. */
interface Lab {
  readonly queries: Readonly<Record<string, () => Promise<unknown>>>;
  quick(): Promise<unknown>;
  /** How many of the queries run; `cancel` has the server cancel them. */
  running(): Promise<number>;
  cancel(): Promise<unknown>;
  close(): Promise<unknown>;
}

interface Case {
  readonly name: DatabaseName;
  readonly scope: string;
  readonly code: string;
  /** The names of the lab's queries. */
  readonly asked: readonly string[];
  /** With a client that is connected. */
  readonly open: (url: string) => Promise<Lab>;
}

const cases: readonly Case[] = [
  {
    name: 'postgresql',
    scope: '@opentelemetry/instrumentation-pg',
    code: '57014',
    asked: ['pool.query()', 'a prepared statement', 'a client, by callback'],
    async open(url) {
      const pool = new pg.Pool({ connectionString: url, max: 1, application_name: 'shop' });
      const watcher = new pg.Client(url);
      await Promise.all([pool.query('select 1'), watcher.connect()]);
      const ours = `from pg_stat_activity where application_name = 'shop' and state = 'active'`;
      return {
        queries: {
          'pool.query()': () => pool.query('select pg_sleep(20)'),
          'a prepared statement': () =>
            pool.query({ name: 'sleep', text: 'select pg_sleep($1)', values: [20] }),
          'a client, by callback': async () => {
            const client = await pool.connect();
            return new Promise((_resolve, reject) =>
              client.query('select pg_sleep(20)', (error: Error) => {
                client.release();
                reject(error);
              }),
            );
          },
        },
        quick: () => pool.query('select 1'),
        running: async () => Number((await watcher.query(`select count(*) n ${ours}`)).rows[0]?.n),
        cancel: () => watcher.query(`select pg_cancel_backend(pid) ${ours}`),
        close: () => Promise.all([pool.end(), watcher.end()]),
      };
    },
  },
  {
    name: 'mariadb',
    scope: '@opentelemetry/instrumentation-mysql2',
    code: 'ER_QUERY_INTERRUPTED',
    asked: ['pool.query()', 'pool.execute()'],
    async open(url) {
      const pool = mysql.createPool({ uri: url, connectionLimit: 1 });
      const watcher = await mysql.createConnection(url);
      const [[{ id }]] = (await pool.query('select connection_id() id')) as unknown as [[{ id: number }]];
      const long = 'select count(*) n from seq_1_to_1000000000000 where seq % ? = 3';
      const ours = `select count(*) n from information_schema.processlist where id = ${id} and info like '%seq_1%'`;
      return {
        queries: {
          'pool.query()': () => pool.query(long, [7]),
          'pool.execute()': () => pool.execute(long, [7]),
        },
        quick: () => pool.query('select 1'),
        running: async () => Number(((await watcher.query(ours))[0] as unknown as [{ n: number }])[0].n),
        cancel: () => watcher.query(`kill query ${id}`),
        close: () => Promise.all([pool.end(), watcher.end()]),
      };
    },
  },
];

for (const { name, scope, code, asked, open } of cases) {
  const database = await startDatabase(name);
  describe(`${name}, ${setup}`, { skip: 'unavailable' in database && database.unavailable }, async () => {
    const visits = new Visits();
    let lab: Lab;
    let queries: Queries;
    before(async () => {
      if ('unavailable' in database) return;
      await visits.open();
      lab = await open(database.url);
      queries = new Queries(visits, () => lab.running());
    });
    after(async () => {
      visits.close();
      await lab?.close();
      if ('stop' in database) await database.stop();
    });

    for (const query of asked) {
      it(`${query}: its spans are as those of a query that somebody else cancels`, async () => {
        const ask = (): Promise<unknown> => (lab.queries[query] as () => Promise<unknown>)();
        // A pool gives a connection up whose query has failed.
        await lab.quick();
        telemetry.reset();
        const stopped = visits.visit(ask);
        await queries.untilRunning(1);
        await lab.cancel();
        assert.equal(codeOf(await stopped.result), code);
        await stopped.leave();
        const expected = await spansOfQueries();
        await lab.quick();
        await queries.untilRunning(0);

        telemetry.reset();
        const left = visits.visit(ask);
        await queries.untilRunning(1);
        await left.leave();
        assert.equal(codeOf(await left.result), code);
        assert.deepEqual(await spansOfQueries(), expected);
        assert.equal(expected.length > 0, setup !== 'alone');
        assert.deepEqual(telemetry.endedTwice, []);
        const server = telemetry.ended.find(({ kind }) => kind === SpanKind.SERVER);
        assert.equal(server?.attributes['context.canceled'], true);
        const pending = server.events.filter((event) => event.name === 'cancel.pending');
        assert.equal(pending.length, setup === 'alone' ? 0 : 1);
      });
    }
  });

  async function spansOfQueries(): Promise<unknown[]> {
    await telemetry.allEnded();
    return telemetry.ended
      .filter((span) => span.instrumentationScope.name === scope && !isOfWatcher(span))
      .map(({ name, kind, attributes, status, events }) => {
        return { name, kind, attributes, status, events: events.map((event) => event.name) };
      });
  }
}

/** What looks how many queries run, or has them cancelled. */
function isOfWatcher({ attributes }: ReadableSpan): boolean {
  const text = String(attributes['db.query.text'] ?? attributes['db.statement'] ?? '');
  return /pg_stat_activity|processlist|kill query \d+$/.test(text);
}

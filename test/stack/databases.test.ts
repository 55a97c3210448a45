/**
 * A request asks a real database for what takes 600 ms, is left by its client after 200, then asks once more: what its trace
 * says with the official instrumentations of the database's clients, and without.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Attributes, SpanKind } from '@opentelemetry/api';
import { type Database, type DatabaseName, startDatabase } from '../support/databases.ts';

interface PrintedSpan {
  readonly name: string;
  readonly kind: SpanKind;
  readonly scope: string;
  readonly attributes: Attributes;
  readonly events: readonly { readonly name: string; readonly attributes: Attributes }[];
}

interface Case {
  readonly client: string;
  /** Of the spans of the slow query, the outermost first. Empty: the client has no official instrumentation. */
  readonly slow: readonly string[];
  readonly quick: readonly string[];
  /** The function that asks, where the stack of the span's start tells it. */
  readonly line?: RegExp;
}

const SLOW_LINE = /\bslow \(\S+queries\.js:\d+:\d+\)$/;
/** Of clients whose query begins when it is awaited. */
const AWAIT_LINE = /\border \(\S+queries\.js:\d+:\d+\)$/;
const PG = ['pg.query:SELECT postgres'];
const PG_POOL = ['pg-pool.connect', ...PG];

const databases: Readonly<Record<DatabaseName, readonly Case[]>> = {
  postgresql: [
    { client: 'pg', slow: PG, quick: PG, line: SLOW_LINE },
    { client: 'pg-pool', slow: PG, quick: PG_POOL, line: SLOW_LINE },
    { client: 'postgres', slow: [], quick: [] },
    { client: 'drizzle', slow: PG, quick: PG_POOL },
    { client: 'knex', slow: ['raw postgres', ...PG], quick: ['raw postgres'], line: AWAIT_LINE },
    { client: 'typeorm', slow: PG, quick: PG_POOL, line: AWAIT_LINE },
  ],
  mariadb: [{ client: 'mysql2', slow: ['SELECT'], quick: ['SELECT'] }],
  redis: [
    { client: 'ioredis', slow: ['blpop'], quick: ['set'], line: SLOW_LINE },
    { client: 'redis', slow: ['redis-BLPOP'], quick: ['redis-SET'], line: SLOW_LINE },
  ],
};

const OURS = 'opentelemetry-instrumentation-cancellation';
const run = promisify(execFile);
const cwd = fileURLToPath(new URL('../..', import.meta.url));

async function spansOf(client: string, url: string, ...official: string[]): Promise<PrintedSpan[]> {
  const { stdout } = await run(process.execPath, ['test/stack/queries.js', client, url, ...official], {
    cwd,
  });
  return JSON.parse(stdout);
}

function findingsOf(spans: readonly PrintedSpan[], rule: string): PrintedSpan[] {
  return spans.filter(({ attributes }) => attributes['cancel.finding'] === rule);
}

function namesOf(spans: readonly PrintedSpan[]): string[] {
  return spans.map(({ name }) => name);
}

function pendingOf(spans: readonly PrintedSpan[]): readonly Attributes[] {
  const server = spans.find(({ kind }) => kind === SpanKind.SERVER);
  assert.equal(server?.attributes['context.canceled'], true);
  return server.events.filter(({ name }) => name === 'cancel.pending').map(({ attributes }) => attributes);
}

function wastedOf(spans: readonly PrintedSpan[]): Attributes {
  const work = spans.find(({ name }) => name === 'work after cancel');
  assert.ok(work, 'there is a span of the work after the cancel');
  assert.ok(Number(work.attributes['cancel.wasted_ms']) > 250, `${work.attributes['cancel.wasted_ms']} ms`);
  return work.attributes;
}

for (const name of Object.keys(databases) as DatabaseName[]) {
  const started = await startDatabase(name);
  const skip = 'unavailable' in started ? started.unavailable : false;

  describe(`queries of ${name}`, { skip }, () => {
    const { url, stop } = started as Database;
    after(() => stop());

    for (const { client, slow, quick, line } of databases[name]) {
      describe(client, () => {
        let spans: PrintedSpan[];
        before(async () => {
          spans = await spansOf(client, url, 'official');
        });

        it(
          slow.length > 0 ? 'the query is pending at the cancel' : 'has no spans, and nothing is claimed',
          () => {
            const pending = pendingOf(spans);
            assert.deepEqual(
              pending.map((attributes) => attributes.name),
              slow,
            );
            if (line !== undefined) assert.match(String(pending[0]?.['cancel.pending.origin']), line);
          },
        );

        it('it ran on, and the next one is late', () => {
          const ranOn = findingsOf(spans, 'cancel_not_propagated');
          const late = findingsOf(spans, 'late_operation');
          assert.deepEqual(namesOf(ranOn), slow.slice(0, 1));
          assert.deepEqual(namesOf(late), quick);
          assert.equal(wastedOf(spans)['cancel.late_operations'], quick.length);
        });

        it('the time after the cancel is that of the database', () => {
          const { 'cancel.wasted.db_ms': databaseMs, 'cancel.wasted_ms': wastedMs } = wastedOf(spans);
          if (slow.length === 0) assert.equal(databaseMs, undefined);
          else assert.ok(Number(databaseMs) > Number(wastedMs) - 150, `${databaseMs} of ${wastedMs} ms`);
        });
      });
    }

    const [first] = databases[name];
    it(`${first?.client} without the official instrumentation: no span, and nothing is claimed`, async () => {
      const spans = await spansOf(first?.client ?? '', url);
      assert.deepEqual(pendingOf(spans), []);
      assert.ok(spans.every(({ scope }) => scope === OURS));
      assert.equal(wastedOf(spans)['cancel.wasted.db_ms'], undefined);
      assert.deepEqual(namesOf(findingsOf(spans, 'cancel_not_propagated')), []);
    });
  });
}

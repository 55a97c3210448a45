// A service that asks a database for each request, and a client of it that leaves too soon. Prints the spans, as JSON.
//   node test/stack/queries.js <client of the database> <its url> [official]
import { createRequire } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { IORedisInstrumentation } from '@opentelemetry/instrumentation-ioredis';
import { KnexInstrumentation } from '@opentelemetry/instrumentation-knex';
import { MySQL2Instrumentation } from '@opentelemetry/instrumentation-mysql2';
import { PgInstrumentation } from '@opentelemetry/instrumentation-pg';
import { RedisInstrumentation } from '@opentelemetry/instrumentation-redis';
import { InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { CancellationInstrumentation } from 'opentelemetry-instrumentation-cancellation';

const SLOW_SECONDS = 0.6;
const LEAVES_AFTER_MS = 200;

const [, , name, url, official] = process.argv;
const exporter = new InMemorySpanExporter();
new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();
registerInstrumentations({
  instrumentations: [
    new CancellationInstrumentation(),
    ...(official === undefined
      ? []
      : [
          new PgInstrumentation(),
          new MySQL2Instrumentation(),
          new IORedisInstrumentation(),
          new RedisInstrumentation(),
          new KnexInstrumentation(),
        ]),
  ],
});

// By require(): what is imported is not seen by the official instrumentations without a loader.
const require = createRequire(import.meta.url);
const http = require('node:http');

const slowInPostgres = `SELECT pg_sleep(${SLOW_SECONDS})`;

/** Of each client what it asks slowly, then quickly, and how it is closed. */
const clients = {
  async pg() {
    const { Client } = require('pg');
    const client = new Client(url);
    await client.connect();
    return {
      slow: () => client.query(slowInPostgres),
      quick: () => client.query('SELECT 1'),
      close: () => client.end(),
    };
  },
  async 'pg-pool'() {
    const { Pool } = require('pg');
    const pool = new Pool({ connectionString: url });
    return {
      slow: () => pool.query(slowInPostgres),
      quick: () => pool.query('SELECT 1'),
      close: () => pool.end(),
    };
  },
  async postgres() {
    const sql = require('postgres')(url);
    return {
      slow: () => sql`SELECT pg_sleep(${SLOW_SECONDS})`,
      quick: () => sql`SELECT 1`,
      close: () => sql.end(),
    };
  },
  async mysql2() {
    const pool = require('mysql2/promise').createPool(url);
    return {
      slow: () => pool.query(`SELECT SLEEP(${SLOW_SECONDS})`),
      quick: () => pool.query('SELECT 1'),
      close: () => pool.end(),
    };
  },
  async ioredis() {
    const { Redis } = require('ioredis');
    const client = new Redis(url);
    return {
      slow: () => client.blpop('empty', SLOW_SECONDS),
      quick: () => client.set('key', 'value'),
      close: () => client.quit(),
    };
  },
  async redis() {
    const client = require('redis').createClient({ url });
    await client.connect();
    return {
      slow: () => client.blPop('empty', SLOW_SECONDS),
      quick: () => client.set('key', 'value'),
      close: () => client.close(),
    };
  },
  async knex() {
    const knex = require('knex')({ client: 'pg', connection: url });
    return {
      slow: () => knex.raw(slowInPostgres),
      quick: () => knex.raw('SELECT 1'),
      close: () => knex.destroy(),
    };
  },
  async typeorm() {
    const { DataSource } = require('typeorm');
    const source = await new DataSource({ type: 'postgres', url }).initialize();
    return {
      slow: () => source.query(slowInPostgres),
      quick: () => source.query('SELECT 1'),
      close: () => source.destroy(),
    };
  },
  async drizzle() {
    const { Pool } = require('pg');
    const { drizzle } = require('drizzle-orm/node-postgres');
    const pool = new Pool({ connectionString: url });
    const database = drizzle(pool);
    return {
      slow: () => database.execute(slowInPostgres),
      quick: () => database.execute('SELECT 1'),
      close: () => pool.end(),
    };
  },
};

const database = await clients[name]();
// Connected, as it is in a service that has been running.
await database.quick();
exporter.reset();

const server = http.createServer(async function order(_request, response) {
  await database.slow();
  await database.quick();
  response.end();
});
server.listen(0, '127.0.0.1', async () => {
  const { port } = server.address();
  const request = http.get({ port, host: '127.0.0.1', path: '/orders' }).on('error', () => {});
  await delay(LEAVES_AFTER_MS);
  request.destroy();
  await delay(SLOW_SECONDS * 1_000 + 1_500);
  await database.close();
  server.close();
  const spans = exporter.getFinishedSpans().map((span) => ({
    name: span.name,
    kind: span.kind,
    scope: span.instrumentationScope.name,
    attributes: span.attributes,
    events: span.events.map((event) => ({ name: event.name, attributes: event.attributes })),
  }));
  process.stdout.write(JSON.stringify(spans));
});

/** The integration that docs/adding-a-library.md makes is taken out of that page, compiled, and run. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import { join } from 'node:path';
import { after, afterEach, beforeEach, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { transform } from 'esbuild';
import type { Redis as RedisClient, RedisOptions } from 'ioredis';
import { defaultIntegrations, type Integration } from '../../src/index.ts';
import { CollectedMetrics, linesOf } from '../support/collected-metrics.ts';
import { checkSpan } from '../support/contract.ts';
import { Telemetry } from '../support/telemetry.ts';
import { readPage, root } from './pages.ts';

const PAGE = 'docs/adding-a-library.md';
// In this package, whose name it imports.
const folder = join(root, '.cache/adding-a-library');
mkdirSync(folder, { recursive: true });
const code = [...readPage(PAGE).matchAll(/^```ts\n(.*?)^```/gms)].map(([, block]) => block).join('\n');
writeFileSync(join(folder, 'ioredis.ts'), code);
const file = join(folder, 'ioredis.mjs');
writeFileSync(file, (await transform(code, { loader: 'ts', format: 'esm' })).code);
const { ioredisIntegration } = (await import(pathToFileURL(file).href)) as {
  ioredisIntegration: Integration;
};

const metrics = new CollectedMetrics();
const telemetry = new Telemetry(
  'alone',
  { integrations: [...defaultIntegrations, ioredisIntegration] },
  { meterProvider: metrics.provider },
);
const { Redis } = createRequire(import.meta.url)('ioredis') as typeof import('ioredis');

/** Answers every command but GET of `slow`. */
const server = net.createServer((socket) => {
  socket.on('error', () => {});
  socket.on('data', (data) => {
    if (!data.includes('slow')) socket.write('$5\r\nvalue\r\n');
  });
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
after(() => server.close());

let redis: RedisClient;

function connect(options: RedisOptions = {}): RedisClient {
  const { port } = server.address() as net.AddressInfo;
  const only = { enableReadyCheck: false, disableClientInfo: true, retryStrategy: () => null };
  redis = new Redis({ host: '127.0.0.1', port, ...only, ...options });
  redis.on('error', () => {});
  return redis;
}

async function get(key: string): Promise<unknown> {
  return redis.get(key).catch((error: Error) => error.message);
}

function leave(): void {
  redis.disconnect();
}

async function onlySpan(): Promise<ReadableSpan> {
  await telemetry.allEnded();
  const [span] = telemetry.ended;
  assert.equal(telemetry.ended.length, 1);
  assert.equal(span?.kind, SpanKind.CLIENT);
  assert.deepEqual(telemetry.diagnostics, []);
  return span as ReadableSpan;
}

describe('the integration of docs/adding-a-library.md', () => {
  beforeEach(() => telemetry.reset());
  afterEach(() => redis?.disconnect());

  it('makes a span of a command that is answered', async () => {
    await once(connect(), 'ready');
    assert.equal(await get('fast'), 'value');
    const span = await onlySpan();
    checkSpan(
      span,
      { outcome: undefined, name: 'get', attributes: { 'db.operation.name': 'get' } },
      'CLIENT',
    );
  });

  it('tells a limit that passes, with the line that sent the command', async () => {
    await once(connect({ commandTimeout: 100 }), 'ready');
    assert.equal(await get('slow'), 'Command timed out');
    const span = await onlySpan();
    const missed = {
      outcome: 'deadline_exceeded',
      initiator: 'local',
      trigger: 'timeout',
      phase: 'wait',
    } as const;
    const attributes = { 'deadline.timeout_ms': 100, 'deadline.source': 'option' };
    checkSpan(span, { ...missed, origin: 'get', status: 'error', attributes }, 'CLIENT');
  });

  it('tells a disconnect() under a command, with its line', async () => {
    await once(connect(), 'ready');
    const ended = get('slow');
    leave();
    assert.equal(await ended, 'Connection is closed.');
    const span = await onlySpan();
    const canceled = {
      outcome: 'context.canceled',
      initiator: 'local',
      trigger: 'shutdown',
      phase: 'wait',
    } as const;
    checkSpan(span, { ...canceled, origin: 'leave', status: 'unset' }, 'CLIENT');
  });

  it('a command that fails is no cancel', async () => {
    connect({ port: 1, enableOfflineQueue: false });
    assert.match(String(await get('fast')), /writeable/);
    const span = await onlySpan();
    assert.equal(span.status.code, SpanStatusCode.ERROR);
    checkSpan(span, { outcome: undefined }, 'CLIENT');
  });

  it('is in metrics as a system of its own', async () => {
    const lines = linesOf(await metrics.collect(), 'cancellation.operations');
    const isCounted = (words: RegExp): boolean => lines.some((line) => words.test(line));
    assert.ok(
      isCounted(/outcome=completed side=client system=redis.* db\.operation\.name=get/),
      lines.join('\n'),
    );
    assert.ok(isCounted(/outcome=deadline_exceeded side=client system=redis/), lines.join('\n'));
  });

  it('has the types that it says', () => {
    const tsconfig = join(folder, 'tsconfig.json');
    const compilerOptions = {
      target: 'es2022',
      module: 'nodenext',
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: true,
      noEmit: true,
      types: [],
    };
    writeFileSync(tsconfig, JSON.stringify({ compilerOptions, files: ['ioredis.ts'] }));
    const { status, stdout } = spawnSync(
      process.execPath,
      [join(root, 'node_modules/typescript/bin/tsc'), '-p', tsconfig],
      { encoding: 'utf8' },
    );
    assert.equal(status, 0, stdout);
  });
});

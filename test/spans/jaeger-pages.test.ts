/**
 * A Jaeger of any size is read whole. It answers as the real one does: so many traces at most, of those that have a span of the
 * service that begins in the time, both ends included; none of them in any order that may be relied on.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, describe, it } from 'node:test';
import { readSpans } from '../../src/spans/source.ts';
import type { ExportedSpan } from '../../src/spans/span.ts';
import { otlpLineOf, spanOf } from '../support/span-of.ts';

const servers: http.Server[] = [];
after(() => {
  for (const server of servers) server.close().closeAllConnections();
});

interface Asked {
  readonly fromUs: number;
  readonly toUs: number;
  readonly count: number;
}

/**
 * @param traces each a list of spans
 * @param blanksIn bytes that are in front of so many traces
 * @returns its address, and what it was asked
 */
async function jaegerWith(
  traces: readonly (readonly ExportedSpan[])[],
  blanksIn: (count: number) => number = () => 0,
): Promise<{ address: string; asked: Asked[] }> {
  const asked: Asked[] = [];
  const server = http.createServer((request, response) => {
    const { pathname, searchParams } = new URL(String(request.url), 'http://localhost');
    if (pathname.endsWith('/services')) {
      const services = [...new Set(traces.flat().map(({ serviceName }) => serviceName))];
      response.end(JSON.stringify({ services }));
      return;
    }
    const service = searchParams.get('query.service_name');
    const [fromUs, toUs] = ['start_time_min', 'start_time_max'].map((name) =>
      usOf(String(searchParams.get(`query.${name}`))),
    );
    const max = Number(searchParams.get('query.num_traces'));
    const found = traces.filter((trace) =>
      trace.some(
        ({ serviceName, startMs }) =>
          serviceName === service && startMs * 1_000 >= Number(fromUs) && startMs * 1_000 <= Number(toUs),
      ),
    );
    const some = found.slice(-max);
    asked.push({ fromUs: Number(fromUs), toUs: Number(toUs), count: some.length });
    if (some.length > 0) response.write(Buffer.alloc(blanksIn(some.length), ' '));
    if (some.length > 0) response.end(`{"result":${otlpLineOf(some.flat())}}`);
    else response.writeHead(404).end('{"error":{"httpCode":404,"message":"No traces found"}}');
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

function usOf(iso: string): number {
  const [, fraction = ''] = /\.(\d+)Z$/.exec(iso) ?? [];
  return Date.parse(iso.replace(/\.\d+Z$/, 'Z')) * 1_000 + Number(fraction.padEnd(6, '0'));
}

async function read(address: string, service?: string) {
  const ids = new Map<string, number>();
  const leftOut: string[] = [];
  const question = { service, startMs: 0, endMs: 3_600_000 };
  for await (const spans of readSpans(address, question, { onLeftOut: (what) => leftOut.push(what) })) {
    for (const { traceId } of spans) ids.set(traceId, (ids.get(traceId) ?? 0) + 1);
  }
  return { ids, leftOut };
}

describe('a Jaeger', () => {
  it('is asked for shorter times until no answer lacks any, and is read whole', async () => {
    const traces = Array.from({ length: 1_000 }, (_, index) => [
      spanOf(`${index}`, { startMs: 1_000 + index * 13 }),
    ]);
    const { address, asked } = await jaegerWith(traces);
    const { ids, leftOut } = await read(address);
    assert.deepEqual([ids.size, leftOut], [1_000, []]);
    assert.ok(
      [...ids.values()].every((count) => count === 1),
      'none comes twice',
    );
    assert.ok(asked.length < 60, `${asked.length} questions`);
    // Both ends count, so that nothing is between two.
    const whole = asked.filter(({ count }) => count < 100).sort((a, b) => a.fromUs - b.fromUs);
    assert.ok(
      whole.every(({ fromUs }, index) => index === 0 || fromUs === (whole[index - 1]?.toUs ?? 0) + 1),
    );
    assert.deepEqual([whole[0]?.fromUs, whole.at(-1)?.toUs], [0, 3_600_000_000]);
  });

  it('that has more of one microsecond than it answers is read as far as it goes, which is said', async () => {
    const traces = Array.from({ length: 130 }, (_, index) => [spanOf(`${index}`, { startMs: 2_000.007 })]);
    const { ids, leftOut } = await read((await jaegerWith([...traces, [spanOf('other')]])).address);
    assert.equal(ids.size, 101);
    assert.equal(leftOut.length, 1);
    assert.match(String(leftOut), /: traces of shop at 1970-01-01T00:00:02\.000007Z: more than 100$/);
  });

  it('is asked of each service, or of one', async () => {
    const both = [spanOf('1'), spanOf('1', { serviceName: 'stock' })];
    const { address } = await jaegerWith([both, [spanOf('2', { serviceName: 'stock' })]]);
    assert.deepEqual([...(await read(address)).ids.values()], [4, 1]);
    assert.equal((await read(address, 'shop')).ids.size, 1);
  });

  it('whose answer is larger than what is held is asked for less', async () => {
    const traces = Array.from({ length: 3 }, (_, index) => [
      spanOf(`${index}`, { startMs: index * 1_000_000 }),
    ]);
    // White space, as far as it is read.
    const { address, asked } = await jaegerWith(traces, (count) => (count > 1 ? 65 * 2 ** 20 : 0));
    const { ids, leftOut } = await read(address);
    assert.deepEqual([ids.size, leftOut], [3, []]);
    assert.ok(asked.some(({ count }) => count > 1));
  });
});

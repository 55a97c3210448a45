/** `cancel-trace timeline` of spans: by the rules of the format, each span where it is to be, arrows from who cancelled. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { cancelled, exhibits, leftCheckout, NOW_MS, type Request, traceOf } from '../stack/page/spans.ts';
import { runCommand } from '../support/command.ts';
import { assertFollowsRules, instantsIn, slicesIn, type TraceFile } from '../support/trace-rules.ts';

const folder = mkdtempSync(join(tmpdir(), 'timeline-'));
after(() => rmSync(folder, { recursive: true }));

async function timeline(...args: string[]): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  return await runCommand('timeline', ...args);
}

let files = 0;
function fileOf(...requests: Request[]): string {
  const file = join(folder, `spans-${++files}.jsonl`);
  writeFileSync(file, requests.map((request) => `${JSON.stringify(request)}\n`).join(''));
  return file;
}

async function timelineOf(...requests: Request[]): Promise<TraceFile> {
  const out = join(folder, 'timeline.json');
  const { exitCode, stderr } = await timeline(fileOf(...requests), '--out', out);
  assert.equal(exitCode, 0, stderr);
  const file = JSON.parse(readFileSync(out, 'utf8')) as TraceFile;
  assertFollowsRules(file);
  return file;
}

function namesIn({ traceEvents }: TraceFile, of: 'process' | 'thread'): string[] {
  return traceEvents.flatMap((event) =>
    event.ph === 'M' && event.name === `${of}_name` ? [String(event.args.name)] : [],
  );
}

function trackOf(file: TraceFile, { tid }: { tid: number }): string {
  const named = file.traceEvents.find(
    (event) => event.ph === 'M' && event.name === 'thread_name' && event.tid === tid,
  );
  return String(named?.ph === 'M' && named.args.name);
}

describe('timeline', () => {
  it('has each span once, whatever they are, by the rules of the format', async () => {
    const file = await timelineOf(...exhibits('/app'));
    assert.deepEqual(namesIn(file, 'process').sort(), ['browser', 'gateway', 'orders', 'stock']);
    const spans = slicesIn(file).filter(({ args }) => args !== undefined && 'status' in args);
    assert.equal(spans.length, 129);
    assert.equal(new Set(spans.map(({ args }) => args?.['span id'])).size, 129);
    // Of the last 65 seconds: microseconds since then, not since 1970.
    assert.ok(spans.every(({ ts }) => ts < 65e6));
  });

  it('draws arrows from each cancel to those that it was the cause of, within their spans', async () => {
    const file = await timelineOf(leftCheckout(1, NOW_MS, '/app'));
    const hops = file.traceEvents.flatMap((event) => {
      if (event.ph !== 's') return [];
      const end = file.traceEvents.find((other) => other.ph === 'f' && other.id === event.id);
      assert.ok(end?.ph === 'f' && end.bp === 'e');
      const service = (pid: number) =>
        namesIn({ ...file, traceEvents: file.traceEvents.filter((e) => e.pid === pid) }, 'process')[0];
      return [`${service(event.pid)} → ${service(end.pid)}`];
    });
    assert.deepEqual(hops, ['browser → gateway', 'gateway → gateway', 'gateway → orders']);
    const cancels = instantsIn(file).filter(({ cat }) => cat === 'cancel');
    assert.deepEqual(
      cancels.map(({ name, args }) => [name, args?.initiator]),
      [
        ['canceled', 'local'],
        ['canceled', 'peer'],
        ['canceled', 'inherited'],
        ['canceled', 'peer'],
      ],
    );
  });

  it('what went on after the cancel has a category and tracks of its own', async () => {
    const file = await timelineOf(leftCheckout(1, NOW_MS, '/app'));
    const forNobody = slicesIn(file).filter(({ cat }) => cat === 'for-nobody');
    assert.ok(forNobody.some(({ name }) => name === 'work after cancel'));
    const goesOn = forNobody.filter((slice) => trackOf(file, slice).startsWith('after the cancel'));
    assert.ok(goesOn.length > 0);
    for (const slice of goesOn) assert.match(slice.name, / goes on$/);
  });

  it('spans that overlap are on different tracks of their operation, those inside of each other on one', async () => {
    const span = (from: number, to: number, parent?: number) => ({
      ...({ service: 'shop', name: 'work', kind: 'server', from, to } as const),
      ...(parent === undefined ? {} : { parent, kind: 'internal' as const, name: `inside ${from}` }),
    });
    const file = await timelineOf(
      traceOf(1, NOW_MS, [span(0, 100), span(10, 90, 0), span(10, 40, 1), span(30, 60, 1), span(80, 130, 0)]),
      traceOf(2, NOW_MS, [span(50, 120)]),
      traceOf(3, NOW_MS, [span(140, 150)]),
    );
    const tracks = Object.fromEntries(
      slicesIn(file).map((slice) => [`${slice.name} ${slice.ts / 1_000}`, trackOf(file, slice)]),
    );
    assert.deepEqual(tracks, {
      '← work 0': '← work',
      'inside 10 10': '← work',
      'inside 30 30': '← work (2)',
      '← work 50': '← work (3)',
      'inside 80 80': '← work (2)',
      '← work 140': '← work',
    });
  });

  it('a missed deadline: when it was, and when it was told', async () => {
    const missed = cancelled(
      154,
      ['local', 'deadline', 'wait'],
      { 'deadline.timeout_ms': 150 },
      'deadline_exceeded',
    );
    const file = await timelineOf(
      traceOf(1, NOW_MS, [
        { service: 'shop', name: 'shop.Orders/Place', kind: 'client', from: 0, to: 154, ...missed },
      ]),
    );
    assert.deepEqual(
      instantsIn(file).map(({ name, ts }) => [name, Math.round(ts / 1_000)]),
      [
        ['its deadline', 150],
        ['deadline exceeded', 154],
      ],
    );
  });

  it('clocks that contradict each other: no arrow goes back in time', async () => {
    const left = cancelled(20, ['local', 'abort', 'wait']);
    const heard = cancelled(12, ['peer', 'disconnect', 'handle']);
    const none = cancelled(-55, ['peer', 'disconnect', 'handle']);
    const server = { name: 'GET /a', kind: 'server', parent: 0 } as const;
    await timelineOf(
      traceOf(1, NOW_MS, [
        { service: 'a', name: 'GET /a', kind: 'client', from: 0, to: 20, ...left },
        { ...server, service: 'b', from: -2, to: 12, ...heard },
        { ...server, service: 'c', from: -90, to: -50, ...none },
      ]),
    );
  });

  it('compressed where its name says so', async () => {
    const out = join(folder, 'timeline.json.gz');
    const { exitCode, stdout } = await timeline(fileOf(leftCheckout(1, NOW_MS, '/app')), '--out', out);
    assert.equal(exitCode, 0);
    assert.match(stdout, /timeline\.json\.gz: 7 spans\n$/);
    assertFollowsRules(JSON.parse(gunzipSync(readFileSync(out)).toString()) as TraceFile);
  });

  it('what it cannot do is said in one line', async () => {
    const file = fileOf({ resourceSpans: [] });
    for (const [args, says] of [
      [[], /timeline needs a folder of record, or a file of spans; --help tells more/],
      [[file, file], /takes one source/],
      [[file], /spans-\d+\.jsonl: no spans/],
      [[join(folder, 'none.jsonl')], /none\.jsonl: no such file/],
      [
        [fileOf(leftCheckout(1, NOW_MS, '/app')), '--out', join(folder, 'no', 'where.json')],
        /cannot be written/,
      ],
    ] as [string[], RegExp][]) {
      const { exitCode, stderr } = await timeline(...args);
      assert.equal(exitCode, 2);
      assert.match(stderr, says);
      assert.match(stderr, /^[^\n]+\n$/);
    }
  });
});

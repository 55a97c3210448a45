/** A folder of `record`, written by hand: each verdict has what it needs, or says what is missing; by the rules of the format. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { cancelled, NOW_MS, type Request, traceOf } from '../stack/page/spans.ts';
import { runCommand } from '../support/command.ts';
import { assertFollowsRules, slicesIn, type TraceFile } from '../support/trace-rules.ts';

const root = mkdtempSync(join(tmpdir(), 'recording-'));
after(() => rmSync(root, { recursive: true }));

/** How far the process's own clock is behind that of the machine. */
const BEHIND_MS = 40;
/** ms, since the first span, on the machine's clock. */
interface Given {
  readonly pid: number;
  readonly stalls?: readonly { readonly at: number; readonly for: number }[];
  /** One for each ms from the first span on: the outermost first. */
  readonly samples?: readonly (readonly string[])[];
  /** @default after all spans */
  readonly lastHeard?: number;
}

let folders = 0;
function recordingOf(processes: readonly Given[], ...requests: Request[]): string {
  const folder = join(root, String(++folders));
  mkdirSync(folder);
  const write = (file: string, ...lines: unknown[]) =>
    writeFileSync(join(folder, file), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  const capture = { absent: 'nobody may' };
  const [startedMs, endedMs] = [NOW_MS - 100, NOW_MS + 900];
  write('recording.json', {
    ...{ version: 1, command: ['node'], node: 'v24', platform: 'linux', isAsync: false },
    ...{ startedMs, endedMs, capture },
  });
  write('spans.jsonl', ...requests);
  for (const { pid, stalls = [], samples = [], lastHeard = 800 } of processes) {
    mkdirSync(join(folder, `process-${pid}`));
    const own = (atMs: number) => NOW_MS + atMs - BEHIND_MS;
    const info = {
      pid,
      ppid: 1,
      service: `service ${pid}`,
      argv: [],
      execArgv: [],
      node: 'v24',
      isAsync: false,
    };
    write(`process-${pid}/process.json`, {
      ...{ ...info, absent: {}, startedMs: own(-100), endedMs: own(lastHeard) },
    });
    const reading = { atMs: own(-100), monotonicUs: 1, wallMs: NOW_MS - 100, boundMs: 0.25 };
    write(`process-${pid}/clock.jsonl`, reading, { ...reading, atMs: own(400), wallMs: NOW_MS + 400 });
    write(
      `process-${pid}/loop.jsonl`,
      ...stalls.map(({ at, for: durationMs }) => ({
        atMs: own(at - 2),
        durationMs: durationMs + 2,
        boundMs: 2,
      })),
      { atMs: own(500), p50Ms: 1, p99Ms: 2, maxMs: 3, cpuMs: 200 },
    );
    write(`process-${pid}/gc.jsonl`, { atMs: own(100), durationMs: 4, kind: 'minor', flags: 0 });
    write(`process-${pid}/cpu-0001.cpuprofile`, profileOf(samples, own(0)));
  }
  return folder;
}

function profileOf(samples: readonly (readonly string[])[], startMs: number): object {
  const nodes = [{ id: 1, callFrame: frame('(root)', ''), children: [] as number[] }];
  const ids = samples.map((stack) => {
    let parent = nodes[0] as (typeof nodes)[0];
    for (const name of stack) {
      const url = name.startsWith('(')
        ? ''
        : name === 'lib'
          ? 'file:///app/node_modules/lib/a.js'
          : name === 'ours'
            ? 'file:///checkout/dist/register/a.js'
            : 'file:///app/shop.js';
      const known = nodes.find(
        (node) => parent.children.includes(node.id) && node.callFrame.functionName === name,
      );
      const node = known ?? { id: nodes.length + 1, callFrame: frame(name, url), children: [] };
      if (known === undefined) {
        nodes.push(node);
        parent.children.push(node.id);
      }
      parent = node;
    }
    return parent.id;
  });
  const timeDeltas = ids.map((_, index) => (index === 0 ? 0 : 1_000));
  return {
    nodes,
    startTime: 0,
    endTime: ids.length * 1_000,
    samples: ids,
    timeDeltas,
    startMs,
    endMs: startMs + ids.length,
    ownPlaces: ['file:///checkout/dist/', '/checkout/dist/'],
  };
}

function frame(
  functionName: string,
  url: string,
): { readonly functionName: string; readonly [key: string]: unknown } {
  return { functionName, scriptId: '0', url, lineNumber: 6, columnNumber: 0 };
}

async function timeline(folder: string): Promise<{ stdout: string; stderr: string; file: TraceFile }> {
  const { exitCode, stdout, stderr } = await runCommand('timeline', folder);
  assert.equal(exitCode, 0, stderr);
  const file = JSON.parse(readFileSync(join(folder, 'timeline.json'), 'utf8')) as TraceFile;
  assertFollowsRules(file);
  return { stdout, stderr, file };
}

/** A client with 100 ms for a server. */
function missed(server: { readonly from: number; readonly to: number } | undefined): Request {
  const said = cancelled(
    101,
    ['local', 'signal_timeout', 'wait'],
    { 'deadline.timeout_ms': 100 },
    'deadline_exceeded',
  );
  const client = {
    service: 'shop',
    pid: 1,
    name: 'GET /a',
    kind: 'client',
    from: 0,
    to: 101,
    ...said,
  } as const;
  const got =
    server && ({ service: 'stock', pid: 2, name: 'GET /a', kind: 'server', parent: 0, ...server } as const);
  return traceOf(1, NOW_MS, got === undefined ? [client] : [client, got]);
}

const busy = (count: number) => Array.from({ length: count }, () => ['handle', 'spin', 'lib']);

const CASES: readonly [name: string, folder: () => string, sentence: string][] = [
  [
    'the server was blocked',
    () =>
      recordingOf(
        [{ pid: 1 }, { pid: 2, stalls: [{ at: 10, for: 120 }], samples: busy(130) }],
        missed({ from: 5, to: 140 }),
      ),
    'the event loop of stock was blocked for 90 ms of 100 ms, until 30 ms after it, in spin (shop.js:7) (120 of 120 samples of its CPU).',
  ],
  [
    'the server was blocked before it began',
    () =>
      recordingOf([{ pid: 1 }, { pid: 2, stalls: [{ at: 10, for: 120 }] }], missed({ from: 131, to: 140 })),
    'the event loop of stock was blocked for 90 ms of 100 ms, until 30 ms after it.',
  ],
  [
    'the server was blocked in what we do for a function of its own',
    () =>
      recordingOf(
        [
          { pid: 1 },
          {
            pid: 2,
            stalls: [{ at: 10, for: 120 }],
            samples: busy(130).map(([handle = '']) => [handle, 'ours']),
          },
        ],
        missed({ from: 5, to: 140 }),
      ),
    'the event loop of stock was blocked for 90 ms of 100 ms, until 30 ms after it, in handle (shop.js:7) (120 of 120 samples of its CPU).',
  ],
  [
    'the client was blocked',
    () =>
      recordingOf(
        [{ pid: 1, stalls: [{ at: 20, for: 90 }], samples: busy(130) }, { pid: 2 }],
        missed({ from: 5, to: 25 }),
      ),
    'the event loop of shop was blocked for 80 ms of 100 ms, until 10 ms after it, in spin (shop.js:7) (90 of 90 samples of its CPU).',
  ],
  [
    'the client was blocked and all that is known is its own',
    () => recordingOf([{ pid: 1, stalls: [{ at: 20, for: 90 }] }], missed(undefined)),
    'the event loop of shop was blocked for 80 ms of 100 ms, until 10 ms after it.',
  ],
  [
    'the client was blocked, but the server had it all the time',
    () => recordingOf([{ pid: 1, stalls: [{ at: 20, for: 90 }] }, { pid: 2 }], missed({ from: 5, to: 300 })),
    'stock ← GET /a was slow: it had the request for 95 ms of 100 ms, and its event loop turned.',
  ],
  [
    'the server was slow',
    () => recordingOf([{ pid: 1 }, { pid: 2 }], missed({ from: 5, to: 101 })),
    'stock ← GET /a was slow: it had the request for 95 ms of 100 ms, and its event loop turned.',
  ],
  [
    'nobody knows of the loop of the server',
    () => recordingOf([{ pid: 1 }], missed({ from: 5, to: 101 })),
    'why cannot be said, since the event loop of stock at that time was not recorded.',
  ],
  [
    'the process of the server was killed before',
    () => recordingOf([{ pid: 1 }, { pid: 2, lastHeard: 50 }], missed({ from: 5, to: 101 })),
    'why cannot be said, since the event loop of stock at that time was not recorded.',
  ],
  [
    'the server was done, and nobody knows of the wire',
    () => recordingOf([{ pid: 1 }, { pid: 2 }], missed({ from: 5, to: 25 })),
    'why cannot be said, since the request in a capture is missing.',
  ],
  [
    'nobody has taken half of the time',
    () => recordingOf([{ pid: 1 }, { pid: 2, stalls: [{ at: 56, for: 44 }] }], missed({ from: 5, to: 101 })),
    'stock ← GET /a was slow: it had the request for 95 ms of 100 ms, and its event loop turned.',
  ],
];

describe('a recording', () => {
  for (const [name, folder, sentence] of CASES) {
    it(`why a deadline was missed: ${name}`, async () => {
      const { stdout } = await timeline(folder());
      assert.equal(stdout.split('\n')[0], `shop → GET /a missed its deadline of 100 ms: ${sentence}`);
    });
  }

  it('what was in time has no verdict', async () => {
    const healthy = { service: 'shop', pid: 1, name: 'GET /a', kind: 'client', from: 0, to: 50 } as const;
    const folder = recordingOf([{ pid: 1, stalls: [{ at: 10, for: 30 }] }], traceOf(1, NOW_MS, [healthy]));
    const { stdout, stderr } = await timeline(folder);
    assert.match(stdout, /^[^\n]*timeline\.json: 1 spans, 1 processes\n$/);
    assert.match(stderr, /left out: the capture: nobody may/);
  });

  it('has stalls, collections, CPU and counters on the clock of the spans', async () => {
    const samples = [
      ...busy(5),
      ['(garbage collector)'],
      ...busy(2),
      ['(idle)'],
      ['handle'],
      ['(program)'],
      ...busy(3),
    ];
    const folder = recordingOf([{ pid: 1, stalls: [{ at: 20, for: 90 }], samples }], missed(undefined));
    const { file } = await timeline(folder);
    const spanUs = slicesIn(file).find(({ name }) => name === '→ GET /a')?.ts ?? 0;
    const drawn = slicesIn(file)
      .filter(({ cat }) => !cat.startsWith('span'))
      .map(({ name, ts, dur }) => [name, Math.round((ts - spanUs) / 10) / 100, dur / 1_000])
      .sort((a, b) => Number(a[1]) - Number(b[1]));
    assert.deepEqual(drawn, [
      ['handle (shop.js:7)', 0, 8],
      ['spin (shop.js:7)', 0, 8],
      ['lib (lib/a.js:7)', 0, 8],
      ['(garbage collector)', 5, 1],
      ['handle (shop.js:7)', 9, 1],
      ['handle (shop.js:7)', 11, 3],
      ['spin (shop.js:7)', 11, 3],
      ['lib (lib/a.js:7)', 11, 3],
      ['blocked', 18, 92],
      ['minor', 100, 4],
    ]);
    assert.ok(file.traceEvents.some(({ ph, name }) => ph === 'C' && name === 'event loop p99Ms'));
    assert.match(String(file.otherData.clocks), /may be off by 0\.250 ms/);
  });
});

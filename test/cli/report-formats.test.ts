/** What a report says of spans that are known, in each format, and when it fails. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { Progress } from '../../src/cli/progress.ts';
import { drawBeyond } from '../../src/cli/report/beyond.ts';
import type { ChainHop } from '../../src/cli/report/chains.ts';
import type { Report } from '../../src/cli/report/summary.ts';
import { OperationTally } from '../../src/desk/operations.ts';
import type { ExportedSpan } from '../../src/spans/span.ts';
import { runCommand } from '../support/command.ts';
import { faultsOfSarif } from '../support/sarif.ts';
import { otlpLineOf, spanOf } from '../support/span-of.ts';

const folder = mkdtempSync(join(tmpdir(), 'report-formats-'));
after(() => rmSync(folder, { recursive: true }));
const spansFile = join(folder, 'spans.jsonl');

async function report(spans: readonly ExportedSpan[], ...args: string[]) {
  writeFileSync(spansFile, `${spans.map((span) => otlpLineOf([span])).join('\n')}\n`);
  return await run(spansFile, '--root', '/app', ...args);
}

async function run(...args: string[]) {
  const { exitCode: status, stdout, stderr } = await runCommand('report', ...args);
  return { status, stdout, stderr };
}

/** What a format says. */
async function said(spans: readonly ExportedSpan[], format: string): Promise<string> {
  const { stdout, stderr } = await report(spans, '--format', format);
  assert.equal(stderr, '');
  return stdout;
}

interface Names {
  readonly browser?: string;
  readonly shop?: string;
  readonly route?: string;
  readonly origin?: string;
  readonly started?: string;
  readonly reason?: string;
  readonly detail?: string;
}

const finding = (rule: string, detail: string) => ({
  ...{ name: 'cancel.finding', timeMs: 1_200 },
  attributes: { 'cancel.finding.rule': rule, 'cancel.finding.detail': detail },
});

/** A browser leaves after 100 ms; the shop is told 10 ms later, goes on for 400 ms, and so does its query. */
function left(traceId: string, names: Names = {}): ExportedSpan[] {
  const {
    browser = 'browser',
    shop = 'shop',
    route = '/orders/:id',
    detail = 'the handler went on for 400 ms',
  } = names;
  const {
    origin = 'leave (/app/load.js:61:11)',
    started = 'list (/app/orders.js:4:33)',
    reason = 'enough',
  } = names;
  const cancel = (initiator: string, trigger: string, timeMs: number, more: object = {}) => ({
    attributes: {
      'context.canceled': true,
      'cancel.initiator': initiator,
      'cancel.trigger': trigger,
      ...more,
    },
    events: [{ name: 'context.canceled', timeMs, attributes: {} }],
  });
  const client = spanOf(traceId, {
    ...{ serviceName: browser, kind: 'client', name: `GET ${route}`, endMs: 1_100 },
    ...cancel('local', 'abort', 1_100, { 'cancel.origin': origin, 'cancel.reason': reason }),
  });
  const told = cancel('peer', 'disconnect', 1_110, {
    ...{ 'http.route': route, 'deadline.timeout_ms': 50, 'deadline.deviation_ms': 60 },
  });
  const pending = {
    ...{ name: 'cancel.pending', timeMs: 1_110 },
    attributes: { name: 'SELECT', 'cancel.pending.origin': started },
  };
  const server = spanOf(traceId, {
    ...{ serviceName: shop, parentSpanId: client.spanId, name: `GET ${route}`, endMs: 1_110 },
    ...{ attributes: told.attributes, events: [...told.events, pending] },
  });
  const work = spanOf(traceId, {
    ...{ serviceName: shop, parentSpanId: server.spanId, name: 'work after cancel', kind: 'internal' },
    ...{ startMs: 1_110, endMs: 1_510, events: [finding('work_after_cancel', detail)] },
    attributes: { 'cancel.wasted_ms': 400, 'cancel.wasted.db_ms': 380, 'cancel.settled': true },
  });
  const query = spanOf(traceId, {
    ...{ serviceName: shop, parentSpanId: server.spanId, name: 'SELECT', kind: 'client', endMs: 1_490 },
    attributes: { 'db.system.name': 'postgresql' },
    events: [finding('cancel_not_propagated', 'ran on for 380 ms')],
  });
  return [client, server, work, query];
}

/** Its async resources and the spans of what it asks for are known. */
function followed(): ExportedSpan[] {
  const [, server, work, query] = left('9') as [ExportedSpan, ExportedSpan, ExportedSpan, ExportedSpan];
  const pending = (type: string, more: object) => ({
    ...{ name: 'cancel.async', timeMs: 1_110, attributes: { 'cancel.async.type': type, ...more } },
  });
  const before = [pending('TCPWRAP', { 'cancel.async.depth': 3 }), pending('PROMISE', {})];
  const since = [
    pending('TCPWRAP', { 'cancel.async.wasted_ms': 380, 'cancel.async.depth': 1 }),
    pending('FSREQCALLBACK', { 'cancel.async.wasted_ms': 8, 'cancel.async.depth': 12 }),
  ];
  const of = (parent: ExportedSpan, given: Partial<ExportedSpan>) =>
    spanOf('9', { serviceName: 'shop', parentSpanId: parent.spanId, kind: 'internal', ...given });
  const outer = of(server, { name: 'outer', endMs: 1_500 });
  const inner = of(outer, { name: 'inner', endMs: 1_500 });
  const rpc = { 'rpc.system.name': 'grpc' };
  const call = of(inner, { kind: 'client', startMs: 1_300, endMs: 1_400, attributes: rpc });
  // It is inside of another.
  const inside = of(query, { kind: 'client', startMs: 1_300, endMs: 1_400, attributes: rpc });
  return [
    { ...server, events: [...server.events, ...before] },
    { ...work, events: [...work.events, ...since] },
    ...[query, outer, inner, call, inside],
  ];
}

const answered = (traceId: string): ExportedSpan =>
  spanOf(traceId, { name: 'GET /orders/:id', attributes: { 'http.route': '/orders/:id' } });
const usual = [...left('1'), ...left('2'), answered('3'), answered('4')];

describe('a report', () => {
  it('tells rates, lines, chains, waste, deadlines and findings', async () => {
    const made = JSON.parse(await said(usual, 'json'));
    assert.deepEqual(made.incoming, { count: 4, cancelledCount: 2 });
    assert.deepEqual(
      made.operations.map((each: Record<string, unknown>) => [
        each.service,
        each.operation,
        each.side,
        each.count,
        each.canceledCount,
      ]),
      [
        ['shop', 'GET /orders/:id', 'incoming', 4, 2],
        ['browser', 'GET /orders/:id', 'outgoing', 2, 2],
      ],
    );
    const [line] = made.lines;
    assert.deepEqual(
      [line.origin, line.count, line.traceCount, line.reasons],
      ['leave (/app/load.js:61:11)', 2, 2, [{ reason: 'enough', count: 2 }]],
    );
    const [chain, ...others] = made.chains;
    assert.deepEqual(others, []);
    assert.deepEqual(
      chain.hops.map((hop: ChainHop) => [
        hop.depth,
        hop.service ?? '?',
        hop.told,
        hop.count,
        hop.delayMs?.median,
      ]),
      [
        [0, 'browser', 'itself', 2, undefined],
        [1, 'shop', 'peer', 2, 10],
        [2, '?', 'no', 2, undefined],
      ],
    );
    assert.deepEqual(made.waste, [
      {
        ...{ service: 'shop', operation: 'GET /orders/:id', count: 2, wastedMs: 800, unsettledCount: 0 },
        onMs: { db: 760, http: 0, rpc: 0, messaging: 0 },
      },
    ]);
    const [row] = made.deadlines.operations;
    assert.deepEqual([row.count, row.missedCount, row.worstMs], [2, 2, 60]);
    assert.deepEqual(
      made.findings.map((group: Record<string, unknown>) => [
        group.rule,
        group.operation,
        group.origin,
        group.count,
      ]),
      [
        ['work_after_cancel', 'GET /orders/:id', undefined, 2],
        ['cancel_not_propagated', 'SELECT', 'list (/app/orders.js:4:33)', 2],
      ],
    );
  });

  it('counts a span that comes twice once, and paths with ids as one operation', async () => {
    const twice = [...usual, ...usual];
    assert.equal(JSON.parse(await said(twice, 'json')).spanCount, usual.length);
    const withIds = ['7', '8e2d1c40', '6f1c7d0e-7f5e-4d3c-9b1a-0123456789ab'].map((id, index) => ({
      ...(left(`a${index}`)[0] as ExportedSpan),
      name: `GET /stock/${id}/south`,
    }));
    const [operation, ...others] = JSON.parse(await said(withIds, 'json')).operations;
    assert.deepEqual([operation.operation, operation.count, others], ['GET /stock/*/south', 3, []]);
  });

  it('of more operations than there is room for has the rate of all', () => {
    const tally = new OperationTally(({ name }) => name);
    const [, cancelled] = left('9') as [ExportedSpan, ExportedSpan];
    for (let index = 0; index < 10_100; index++) tally.add({ ...cancelled, name: String(index) });
    assert.deepEqual(tally.rateOf('incoming'), { count: 10_100, cancelledCount: 10_100 });
    assert.equal(tally.operations().length, 10_000);
    assert.equal(tally.operations()[0]?.operation, '_OTHER');
  });

  it('says how far it is at a terminal, after a second, and leaves nothing of it', (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: 0 });
    const written = (isTTY: boolean): string => {
      let text = '';
      const progress = new Progress({ isTTY, write: (more) => (text += more) });
      progress.read(2 ** 20);
      t.mock.timers.tick(1_000);
      progress.read(2 ** 21);
      progress.end();
      return text;
    };
    assert.equal(written(true), '\rread 3 MiB …\u001b[K\r\u001b[K');
    assert.equal(written(false), '');
  });

  it('tells deadlines by what was pending, where that was followed, in each form', async () => {
    const [, server] = left('9') as [ExportedSpan, ExportedSpan];
    const pending = { name: 'cancel.async', timeMs: 1_110, attributes: { 'cancel.async.type': 'TCPWRAP' } };
    const followed = { ...server, events: [...server.events, pending] };
    assert.match(await said([followed], 'text'), /^ {2}shop TCPWRAP +1 +1 +60 ms +60 ms +60 ms$/m);
    assert.match(await said([followed], 'markdown'), /^\| `shop TCPWRAP` \| 1 \| 1 \| 60 ms/m);
    assert.match(await said([followed], 'markdown'), /^ {2}shop GET \/orders\/:id \(server\) +│▆│$/m);
    assert.match(await said([followed], 'html'), /<th scope="row">shop TCPWRAP<\/th>/);
  });

  it('tells in what the time beyond deadlines was spent, by how long and how deep, in each form', async () => {
    const made = JSON.parse(await said(followed(), 'json'));
    const { durations, depths, asyncTypes, spans } = made.beyond as Report['beyond'];
    const cellsOf = ({ type, byDuration, byDepth }: (typeof spans)[number]): unknown[] => [
      type,
      ...byDuration.flatMap((cell, at) => (cell ? [[durations[at], cell.count, cell.totalMs]] : [])),
      ...byDepth.flatMap((cell, at) => (cell ? [[depths[at], cell.count, cell.totalMs]] : [])),
    ];
    // Missed by 60 ms, and 400 ms of work.
    assert.deepEqual(asyncTypes.map(cellsOf), [
      ['TCPWRAP', ['100-1000', 1, 440], ['3-5', 1, 440]],
      ['PROMISE', ['10-100', 1, 60], ['unknown', 1, 60]],
      ['FSREQCALLBACK', ['0-10', 1, 8], ['10-', 1, 8]],
    ]);
    // A query for 440 ms since the deadline; a call inside of INTERNAL spans at the same time; 20 ms of none.
    assert.deepEqual(spans.map(cellsOf), [
      ['db', ['100-1000', 1, 440], ['1', 1, 440]],
      ['rpc', ['100-1000', 1, 100], ['3-5', 1, 100]],
      ['no span', ['10-100', 1, 20], ['0', 1, 20]],
    ]);
    const text = await said(followed(), 'text');
    assert.match(text, /^ {2}async resources, by how long +0–10ms +10–100ms +0.1–1s$/m);
    assert.match(text, /^ {2}shop TCPWRAP +█? ?1 440ms$/m);
    assert.match(text, /^ {2}async resources, by depth +3–5 +10\+ +\?$/m);
    assert.match(await said(followed(), 'markdown'), /^\| `shop db` \| {2}\| 1× 440 ms \|$/m);
    assert.match(
      await said(followed(), 'html'),
      /<th scope="row">shop db<\/th><td class="number"><\/td><td class="number"><span class="cell heat-6"><\/span> 1× 440 ms<\/td>/,
    );
    assert.doesNotMatch(await said([answered('3')], 'text'), /Time beyond/);
  });

  it('draws it in 80 columns, and its shades where the terminal has such characters', () => {
    const cells = [1, 20, 300, 4_000, 12_345].map((count) => ({ count, totalMs: 999_999 * count }));
    const columns = ['0–10ms', '10–100ms', '0.1–1s', '1–10s', '10s+'];
    const rows = [{ name: `shop ${'W'.repeat(200)}`, cells }];
    const map = { title: 'async resources, by how long', columns, rows, more: 3 };
    for (const hasBlocks of [true, false]) {
      const lines = drawBeyond(map, hasBlocks).split('\n');
      assert.ok(
        lines.every(({ length }) => length <= 80),
        lines.join('\n'),
      );
      assert.equal(
        lines.some((line) => line.includes('█ 12k')),
        hasBlocks,
      );
      assert.ok(lines.some((line) => line.includes('12k 3429h')));
    }
  });

  it('does not take for work what says that work goes on', async () => {
    const goesOn = spanOf('1', {
      ...{ name: 'work goes on', kind: 'internal', scopeName: 'opentelemetry-instrumentation-cancellation' },
      attributes: { 'cancel.wasted_ms': 100 },
    });
    const made = JSON.parse(await said([...usual, goesOn], 'json'));
    assert.deepEqual([made.spanCount, made.wastedMs], [10, 800]);
  });

  it('as text has each of these, and ends with how many findings there are', async () => {
    const text = await said(usual, 'text');
    for (const expected of [
      /^2 of 4 incoming operations cancelled, 50 %$/m,
      /^ {2}shop GET \/orders\/:id +incoming +2 +4 +50 % +0$/m,
      /^ {6}2 {2}leave \(load\.js:61:11\) +browser: GET \/orders\/:id +2× enough$/m,
      /^ {2}└─ shop GET \/orders\/:id +peer: disconnect +2 +10 ms +10 ms +10 ms +800 ms +goes on 2×, does not pass it on 2×$/m,
      /^Work for nobody: 800 ms$/m,
      /^ {2}shop GET \/orders\/:id +2 +800 ms +760 ms$/m,
      /│▆│/,
      /^work_after_cancel {2}2$/m,
      /^4 findings in 10 spans\n$/m,
    ])
      assert.match(text, expected);
  });

  it('is written to files by their endings, in one go', async () => {
    const files = ['a.html', 'a.md', 'a.sarif', 'a.json', 'a.txt'].map((name) => join(folder, name));
    const { status, stdout } = await report(usual, '--output', files.join(','));
    assert.equal(status, 1);
    assert.equal(stdout.split('\n')[0], files[0]);
    assert.match(stdout, /^! work_after_cancel: 2 findings$/m);
    const begins = files.map((file) => readFileSync(file, 'utf8').slice(0, 9));
    assert.deepEqual(begins, ['<!doctype', '# Cancels', '{\n  "$sch', '{\n  "repo', '4 traces,']);
    assert.equal(readFileSync(files[1] as string, 'utf8'), await said(usual, 'markdown'));
    const { stderr } = await report(usual, '--output', 'report.pdf');
    assert.match(
      stderr,
      /--output report\.pdf: name a --format, or end it in .*\.html.*; --help tells more\n$/,
    );
    assert.match(
      (await report(usual, '--format', 'sariff')).stderr,
      /no format sariff \(did you mean sarif\?\)/,
    );
    assert.match(
      (await report(usual, '--output', join(folder, 'no/a.md'))).stderr,
      /a\.md: cannot be written \(ENOENT\)/,
    );
  });
});

describe('spans are read', () => {
  const text = `${usual.map((span) => otlpLineOf([span])).join('\n')}\n`;
  const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
  it('from standard input, compressed or not', () => {
    for (const input of [text, gzipSync(text)]) {
      const { status, stdout } = spawnSync(process.execPath, [main, 'report', '-'], {
        input,
        encoding: 'utf8',
      });
      assert.equal(status, 1);
      assert.match(stdout, /^4 findings in 10 spans$/m);
    }
  });

  it('from a file that is compressed, also in parts, whatever its name', async () => {
    const [one = '', two = ''] = [text.slice(0, 1_000), text.slice(1_000)];
    const file = join(folder, 'spans.any');
    writeFileSync(file, Buffer.concat([gzipSync(one), gzipSync(two)]));
    assert.match((await run(file)).stdout, /^4 findings in 10 spans$/m);
  });

  it('from a file whose last line is cut off, as far as it goes, which is said', async () => {
    const file = join(folder, 'cut-off.jsonl');
    writeFileSync(file, text.slice(0, -20));
    const { stdout } = await run(file);
    assert.match(stdout, /^Left out\n {2}\S+cut-off\.jsonl:10: the last line, which was cut off$/m);
    assert.match(stdout, /^4 findings in 9 spans$/m);
    writeFileSync(file, `${text.slice(0, -20)}\n${text}`);
    assert.match(
      (await run(file)).stderr,
      /cut-off\.jsonl:10: ends in the middle of its JSON: it was cut off$/m,
    );
  });
});

/** What strangers may write into a span. */
const HOSTILE = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' onmouseover='alert(1)",
  '</style><b>&amp;',
  '[link](https://evil.example) @everyone #1',
  '`tick` ```fence``` | pipe | \\',
  'line\nbreak\r\u2028next',
  '\u001b[31mred\u009b0m\u202Eturned',
  '{{2}} =1+1',
];
const hostile = HOSTILE.flatMap((text, index) =>
  left(`f${index}`, {
    ...{ browser: `b ${text}`, shop: `s ${text}`, route: `/${text}`, reason: text, detail: `d ${text}` },
    ...{ origin: `${text} (/app/${text}.js:3:7)`, started: `${text} (/app/${text}.js:4:8)` },
  }),
);

describe('what strangers wrote is text', () => {
  it('in HTML, which needs no script, no style but its own, and asks for nothing', async () => {
    const page = await said(hostile, 'html');
    const tags = new Set([...page.matchAll(/<\/?([a-z][a-z0-9]*)/gi)].map(([, tag]) => tag));
    const known =
      'html head meta title style body main h1 h2 h3 p b div span dl dt dd section table thead tbody tr th td code ul li pre';
    assert.deepEqual(
      [...tags].filter((tag) => !known.split(' ').includes(String(tag))),
      [],
    );
    const attributes = new Set(
      [...page.matchAll(/<[a-z0-9]+((?:\s+[a-z-]+="[^"]*")*)\s*>/g)].flatMap(([, all = '']) =>
        [...all.matchAll(/([a-z-]+)="/g)].map(([, name]) => name),
      ),
    );
    const usualOnes = 'lang charset http-equiv content name class scope tabindex title';
    assert.deepEqual(
      [...attributes].filter((name) => !usualOnes.split(' ').includes(String(name))),
      [],
    );
    assert.ok(page.includes('&lt;script&gt;alert(1)&lt;/script&gt;'));
    const [, style = ''] = /<style>(.*?)<\/style>/s.exec(page) ?? [];
    const hash = createHash('sha256').update(style).digest('base64');
    assert.ok(page.includes(`content="default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'`));
    assert.doesNotMatch(style, /url\(|@import/);
  });

  it('in Markdown, where each of it is code, and no table breaks', async () => {
    const lines = (await said(hostile, 'markdown')).split('\n');
    let columns = 0;
    let isFenced = false;
    for (const line of lines) {
      if (line.startsWith('```')) isFenced = !isFenced;
      if (isFenced || line.startsWith('```')) continue;
      const cells = line.replaceAll('\\|', '').split('|').length;
      if (line.startsWith('| ---') || line.startsWith('| --:')) columns = cells;
      else if (line.startsWith('| `')) assert.equal(cells, columns, line);
      const outside = line.replaceAll(/`[^`]*`/g, '');
      assert.doesNotMatch(outside, /[<>[\]@]|alert|evil|fence/, line);
    }
    assert.ok(columns > 0 && !isFenced);
  });

  it('in text, without anything that moves the cursor or turns the direction', async () => {
    assert.doesNotMatch(await said(hostile, 'text'), /[^\P{Cc}\n]|[\u2028\u2029\u202a-\u202e]/u);
  });

  it('in SARIF, which is valid, and names no other place than a file', async () => {
    const log = JSON.parse(await said(hostile, 'sarif'));
    assert.equal(faultsOfSarif(log), undefined);
    const uris: string[] = log.runs[0].results.map(
      (result: { locations: { physicalLocation: { artifactLocation: { uri: string } } }[] }) =>
        result.locations[0]?.physicalLocation.artifactLocation.uri,
    );
    for (const uri of uris) assert.match(uri, /^[\w%.\-~!*'()/]+$/);
  });
});

describe('SARIF', () => {
  it('has a result for each finding, at its line, with what makes it the same one', async () => {
    const log = JSON.parse(await said(usual, 'sarif'));
    assert.equal(faultsOfSarif(log), undefined);
    const [work, ranOn] = log.runs[0].results;
    assert.deepEqual([work.ruleId, work.occurrenceCount, work.level], ['work_after_cancel', 2, 'warning']);
    assert.equal(work.locations[0].physicalLocation.artifactLocation.uri, 'shop');
    assert.deepEqual(ranOn.locations[0].physicalLocation, {
      artifactLocation: { uri: 'orders.js', uriBaseId: '%SRCROOT%' },
      region: { startLine: 4, startColumn: 33 },
    });
    const { rules } = log.runs[0].tool.driver;
    assert.equal(rules[ranOn.ruleIndex].id, 'cancel_not_propagated');
  });

  it('is seen to be none when it breaks the schema', async () => {
    const log = JSON.parse(await said(usual, 'sarif'));
    log.runs[0].results[0].locations[0].physicalLocation.region.startLine = 0;
    assert.match(String(faultsOfSarif(log)), /startLine/);
  });
});

describe('as a gate a report', () => {
  const gate = async (spans: readonly ExportedSpan[], ...args: string[]): Promise<string> => {
    const { status, stdout, stderr } = await report(spans, ...args);
    return status === 2
      ? stderr
      : `${status}${[...stdout.matchAll(/^! (.*)$/gm)].map(([, why]) => ` ${why};`).join('')}`;
  };
  for (const [args, expected] of [
    [[], '1 work_after_cancel: 2 findings; cancel_not_propagated: 2 findings;'],
    [['--fail-on', 'late_operation'], '0'],
    [['--fail-on', 'late_operation,cancel_not_propagated'], '1 cancel_not_propagated: 2 findings;'],
    [['--fail-on', 'none'], '0'],
    [['--fail-on', 'none', '--max-cancel-rate', '50'], '0'],
    [
      ['--fail-on', 'none', '--max-cancel-rate', '49.9'],
      '1 cancel rate: 50.0 %, 2 of 4 incoming operations; at most 49.9 %;',
    ],
    [['--fail-on', 'none', '--max-wasted-ms', '800'], '0'],
    [['--fail-on', 'none', '--max-wasted-ms', '799'], '1 work for nobody: 800 ms; at most 799 ms;'],
  ] as const) {
    it(`${args.join(' ') || 'without options'}: ${expected}`, async () =>
      assert.equal(await gate(usual, ...args), expected));
  }

  for (const [args, message] of [
    [
      ['--fail-on', 'late_operations'],
      /no rule late_operations \(did you mean late_operation\?\) \(there is none, .*process_vanished\)/,
    ],
    [['--fail-on', 'everything'], /no rule everything \(there is cancel_not_sent, .*process_vanished\)/],
    [['--fail-on', 'none,'], /no rule none/],
    [['--max-cancel-rate', '5%'], /--max-cancel-rate must be a number of percent, but is 5%/],
    [['--max-wasted-ms=-1'], /--max-wasted-ms must be a number of ms, but is -1/],
    [['--baseline', 'missing.json'], /missing\.json: no such file/],
    [['--baseline', spansFile], /spans\.jsonl: no JSON/],
  ] as const) {
    it(`does not understand ${args.join(' ')}`, async () =>
      assert.match(await gate(usual, ...args), message));
  }

  it('has no rate without an incoming operation, which is no reason to pass', async () => {
    const [client] = left('1') as [ExportedSpan];
    assert.match(
      await gate([client], '--max-cancel-rate', '100'),
      /no incoming operation, so there is no rate/,
    );
  });

  it('counts only what its baseline does not have, wherever the line is by now', async () => {
    const baseline = join(folder, 'baseline.json');
    await report(usual, '--output', baseline);
    const moved = left('5', {
      started: 'list (/srv/ci/shop/orders.js:99:1)',
      detail: 'the handler went on for 1 s',
    });
    assert.equal(await gate(moved, '--baseline', baseline), '0');
    const other = left('6', { started: 'sum (/app/orders.js:4:33)' });
    const failing = 'cancel_not_propagated: 1 finding that the baseline does not have;';
    assert.equal(await gate([...moved, ...other], '--baseline', baseline), `1 ${failing}`);
    const { stdout } = await report(other, '--baseline', baseline, '--format', 'sarif');
    const states = JSON.parse(stdout).runs[0].results.map(
      (result: { baselineState: string }) => result.baselineState,
    );
    assert.deepEqual(states, ['unchanged', 'new']);
    assert.equal(faultsOfSarif(JSON.parse(stdout)), undefined);
    writeFileSync(baseline, '{"report":99}');
    assert.match(await gate(usual, '--baseline', baseline), /a report of version 99, not 1: make it anew/);
    writeFileSync(baseline, '{"resourceSpans":[]}');
    assert.match(
      await gate(usual, '--baseline', baseline),
      /JSON, but no report: make one by report --format json/,
    );
  });
});

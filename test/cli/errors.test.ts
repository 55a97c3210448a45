/** What the command says of arguments and sources that it can do nothing with: one line, which says what to do. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { runCommand } from '../support/command.ts';

const folder = mkdtempSync(join(tmpdir(), 'cli-'));
const startedIn = process.cwd();
process.chdir(folder);
const servers: net.Server[] = [];
after(() => {
  process.chdir(startedIn);
  rmSync(folder, { recursive: true });
  for (const server of servers) server.close();
});

interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(...args: string[]): Promise<Ended> {
  const { exitCode: status, stdout, stderr } = await runCommand(...args);
  return { status, stdout, stderr };
}

/** One line on stderr, nothing on stdout, exit code 2. */
async function assertRefused(args: readonly string[], message: string | RegExp): Promise<void> {
  const { status, stdout, stderr } = await run(...args);
  const [, told = ''] = /^opentelemetry-instrumentation-cancellation: (.*)\n$/.exec(stderr) ?? [];
  assert.notEqual(told, '', `not one line: ${stderr}`);
  if (typeof message === 'string') assert.equal(told, message);
  else assert.match(told, message);
  assert.deepEqual({ status, stdout }, { status: 2, stdout: '' });
}

async function listen(server: net.Server): Promise<number> {
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as net.AddressInfo).port;
}

/** A server that answers each path so; any other with 404. */
async function serve(answers: Record<string, [status: number, body: string]>): Promise<string> {
  const server = http.createServer((request, response) => {
    const { pathname } = new URL(String(request.url), 'http://localhost');
    const [status, body] = answers[pathname] ?? [404, '404 page not found\n'];
    response.writeHead(status).end(body);
  });
  return `http://127.0.0.1:${await listen(server)}`;
}

async function freePort(): Promise<number> {
  const server = net.createServer();
  const port = await listen(server);
  server.close();
  await once(server, 'close');
  return port;
}

const SPAN = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), name: 'GET', kind: 3 };
const otlp = (spans: unknown): unknown => ({ resourceSpans: [{ scopeSpans: [{ spans }] }] });
const LINE = JSON.stringify(otlp([SPAN]));

describe('wrong arguments', () => {
  it('are told on stderr by the command itself, which ends with 2', () => {
    const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'reprot'], { encoding: 'utf8' });
    assert.deepEqual({ status, stdout }, { status: 2, stdout: '' });
    assert.match(stderr, /^opentelemetry-\S+: unknown command reprot \(did you mean report\?\)[^\n]*\n$/);
  });

  for (const [args, message] of [
    [
      [],
      'a command is missing (there is run, view, report, capture, record, check, timeline, comply, doctor); --help tells more',
    ],
    [['reprot', 'x.json'], 'unknown command reprot (did you mean report?); --help tells more'],
    [
      ['spans.json'],
      'unknown command spans.json (there is run, view, report, capture, record, check, timeline, comply, doctor); --help tells more',
    ],
    [
      ['--since', '5', 'report'],
      '--since comes before any command (there is run, view, report, capture, record, check, timeline, comply, doctor); --help tells more',
    ],
    [['report'], 'report needs a file of spans, -, or the address of a Jaeger; --help tells more'],
    [['report', 'one', 'two'], 'report takes one source, but has one two; --help tells more'],
    [['report', 'one', '--', '-two'], 'report takes one source, but has one -two; --help tells more'],
    [
      ['view', '--host', 'name.invalid', '--port', '0'],
      'name.invalid:0: no address of this machine. Name another host',
    ],
    [
      ['report', '--servce', 'shop', 'x'],
      'unknown option --servce (did you mean --service?); --help tells more',
    ],
    [
      ['report', '-x', 'x'],
      'unknown option -x (there is --service, --since, --until, --paths, --trace, --root, --format, --output, --json, --fail-on, --max-cancel-rate, --max-wasted-ms, --baseline, --help); --help tells more',
    ],
    [['report', 'x', '--since'], '--since needs a value; --help tells more'],
    [['report', '--service', '--since', '5', 'x'], '--service needs a value; --help tells more'],
    [['report', '--help=no'], '--help takes no value, but has no; --help tells more'],
    [['report', '--paths=some', 'x'], '--paths must be a number of cancels, but is some; --help tells more'],
    [['report', '--json=yes', 'x'], '--json takes no value, but has yes; --help tells more'],
    ...['soon', '0', '-1=', 'NaN'].map(
      (since) =>
        [
          ['report', `--since=${since}`, 'x'],
          `--since must be a number of minutes, or as 90s, 2h, 3d, 2026-11-29T08:00Z, but is ${since}; --help tells more`,
        ] as const,
    ),
  ] as const) {
    it(`${args.join(' ') || 'none at all'}: ${message}`, () => assertRefused(args, message));
  }

  it('--help has what each command takes, and --version the version', async () => {
    assert.match((await run('--help')).stdout, /^ {2}report {4}tells what was cancelled/m);
    assert.match((await run('-h')).stdout, /^usage: /);
    const { status, stdout, stderr } = await run('report', 'x', '--help');
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
    assert.match(stdout, /--since TIME/);
    assert.match((await run('--version')).stdout, /^\d+\.\d+\.\d+(-[\w.]+)?\n$/);
  });
});

describe('a file that is no file of spans', () => {
  const cases: [what: string, content: string | Buffer, message: string | RegExp][] = [
    ['is empty', '', 'file: empty, so there is nothing to judge'],
    ['is blank', '\n \n', 'file: empty, so there is nothing to judge'],
    [
      'has no spans',
      LINE.replace(/\[\{"traceId.*?\}\]/, '[]'),
      'file: no spans, so there is nothing to judge',
    ],
    ['has metrics only', '{"resourceMetrics":[]}', 'file: no spans, so there is nothing to judge'],
    ['is a page', '<!doctype html>\n<html></html>', 'file: HTML or XML, not JSON'],
    ['is text', 'hello', /^file: no JSON \(Unexpected token .*\)$/],
    [
      'is cut off where it is compressed',
      gzipSync(LINE).subarray(0, -20),
      'file: ends in the middle of its compressed data: it was cut off',
    ],
    [
      'only begins as gzip does',
      Buffer.from('1f8b206e6f7420617420616c6c20', 'hex'),
      /^file: begins as gzip does, but is none \(.*\)$/,
    ],
    [
      'is compressed by zstd',
      Buffer.from('28b52ffd2400', 'hex'),
      'file: compressed by zstd, uncompress it first',
    ],
    ['is cut off', LINE.slice(0, -5), 'file: ends in the middle of its JSON: it was cut off'],
    [
      'is cut off in a name',
      LINE.slice(0, LINE.indexOf('spanId') + 3),
      'file: ends in the middle of its JSON: it was cut off',
    ],
    [
      'is cut off after many lines',
      JSON.stringify(JSON.parse(LINE), null, 2).slice(0, -8),
      'file: ends in the middle of its JSON: it was cut off',
    ],
    [
      'has a line that is no JSON',
      `${LINE}\n\nhello\n${LINE}\n`,
      /^file:3: no JSON \(Unexpected token .*\)$/,
    ],
    ['begins with such a line', `hello\n${LINE}\n`, /^file:1: no JSON \(Unexpected token .*\)$/],
    [
      'has a line of another shape',
      `${LINE}\n{"level":"info"}\n`,
      "file:2: JSON, but neither spans as OTLP (resourceSpans) nor a download of Jaeger's (data)",
    ],
    [
      'is a number',
      '17',
      "file: JSON, but neither spans as OTLP (resourceSpans) nor a download of Jaeger's (data)",
    ],
    [
      'has an object for its spans',
      JSON.stringify(otlp({})),
      'file: resourceSpans[0].scopeSpans[0].spans must be an array, but is an object',
    ],
    [
      'has a span that is none',
      JSON.stringify(otlp([SPAN, null])),
      'file: resourceSpans[0].scopeSpans[0].spans[1] must be an object, but is null',
    ],
    [
      'has a span without a trace',
      JSON.stringify(otlp([{ spanId: 'b' }])),
      'file: resourceSpans[0].scopeSpans[0].spans[0].traceId must be a string, but is missing',
    ],
    [
      'has a time that is none',
      JSON.stringify(otlp([{ ...SPAN, endTimeUnixNano: 'noon' }])),
      'file: resourceSpans[0].scopeSpans[0].spans[0].endTimeUnixNano must be a number of nanoseconds, but is noon',
    ],
    [
      'has attributes that are no list',
      JSON.stringify(otlp([{ ...SPAN, attributes: 1 }])),
      'file: resourceSpans[0].scopeSpans[0].spans[0].attributes must be an array, but is a number',
    ],
    [
      "is a download of Jaeger's without processes",
      '{"data":[{"spans":[]}]}',
      'file: data[0].processes must be an object, but is missing',
    ],
    [
      "is a download of Jaeger's with an object for its spans",
      '{"data":[{"spans":{},"processes":{}}]}',
      'file: data[0].spans must be an array, but is an object',
    ],
    [
      "is a download of Jaeger's that found nothing",
      '{"data":[]}',
      'file: no spans, so there is nothing to judge',
    ],
  ];
  for (const [what, content, message] of cases) {
    it(`${what}: ${message}`, async () => {
      writeFileSync(join(folder, 'file'), content);
      await assertRefused(['report', 'file'], message);
    });
  }

  it('but one that begins with a byte order mark, and one with an answer of Jaeger', async () => {
    for (const content of [`\uFEFF${LINE}`, JSON.stringify({ result: otlp([SPAN]) })]) {
      writeFileSync(join(folder, 'file'), content);
      assert.deepEqual(await run('report', 'file'), {
        status: 0,
        stdout: '0 findings in 1 spans\n',
        stderr: '',
      });
    }
  });

  it('is not there, or is a folder', async () => {
    mkdirSync(join(folder, 'sub'));
    await assertRefused(['report', 'missing.json'], 'missing.json: no such file');
    await assertRefused(
      ['report', 'sub'],
      'sub: a folder without spans.jsonl, which a recording has. Name a file in it',
    );
  });

  for (const address of [
    'localhost',
    'localhost:16686',
    '127.0.0.1:16686',
    'jaeger.example/x:1',
    '[::1]:16686',
  ]) {
    const isAddress = !address.includes('example');
    it(`${isAddress ? 'is' : 'may not be'} meant as an address: ${address}`, () =>
      assertRefused(
        ['report', address],
        `${address}: no such file${isAddress ? `; if a Jaeger is meant, write http://${address}` : ''}`,
      ));
  }
});

describe('an address that is not that of a Jaeger', () => {
  const toName = "Name the address of Jaeger's pages, such as http://localhost:16686";

  it('has another scheme', () =>
    assertRefused(
      ['report', 'grpc://localhost:4317'],
      'grpc://localhost:4317: no address of a Jaeger, which is one like http://localhost:16686',
    ));

  it('has nobody who listens', async () => {
    const address = `http://127.0.0.1:${await freePort()}`;
    await assertRefused(
      ['report', address],
      `${address}: nobody listens there (ECONNREFUSED): is Jaeger running? ${toName}`,
    );
  });

  it('names no host', () =>
    assertRefused(['report', 'http://jaeger.invalid'], /^http:\/\/jaeger\.invalid: no such host \(E\w+\)$/));

  it('speaks no HTTP, or no TLS', async () => {
    const port = await listen(net.createServer((socket) => socket.on('error', () => {}).end('hello\n')));
    await assertRefused(['report', `http://127.0.0.1:${port}`], /: no HTTP answer \(.*\)\. Name the address/);
    await assertRefused(
      ['report', `https://127.0.0.1:${port}`],
      /: does not speak TLS \((EPROTO|ERR_SSL_\w+)\): try http:\/\/ instead$/,
    );
  });

  for (const [what, answers, message] of [
    ['receives spans only', {}, `answers 404 to /api/v3/services. ${toName}`],
    [
      'is a page',
      { '/api/v3/services': [200, '<!doctype html>'] },
      `answers a web page instead of JSON to /api/v3/services. ${toName}`,
    ],
    [
      'says ok',
      { '/api/v3/services': [200, 'ok'] },
      `answers something else instead of JSON to /api/v3/services. ${toName}`,
    ],
    [
      'answers other JSON',
      { '/api/v3/services': [200, '["shop"]'] },
      `answers JSON, but not as a Jaeger does. ${toName}`,
    ],
    [
      'wants a login',
      { '/api/v3/services': [401, 'who are you?'] },
      'answers 401, it wants a login: download the traces from its pages and name the file',
    ],
    [
      'has no services yet',
      { '/api/v3/services': [200, '{}'] },
      'of the last 60 minutes: no spans, so there is nothing to judge',
    ],
    [
      'fails',
      { '/api/v3/services': [200, '{"services":["shop"]}'], '/api/v3/traces': [500, '{}'] },
      `answers 500 to /api/v3/traces. ${toName}`,
    ],
    [
      'has no traces in that time',
      {
        '/api/v3/services': [200, '{"services":["shop"]}'],
        '/api/v3/traces': [404, '{"error":{"httpCode":404,"message":"No traces found"}}'],
      },
      'of the last 60 minutes: no spans, so there is nothing to judge',
    ],
  ] as [string, Record<string, [number, string]>, string][]) {
    it(`${what}: ${message}`, async () => {
      const address = await serve(answers);
      await assertRefused(['report', address], `${address}: ${message}`);
    });
  }

  it('does not know the service', async () => {
    const address = await serve({ '/api/v3/services': [200, '{"services":["gateway","orders"]}'] });
    await assertRefused(
      ['report', '--service', 'shop', address],
      `${address}: no service shop, only gateway, orders`,
    );
  });
});

/** The commands `run` and `view`, as processes. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { editorUrlOf } from '../../src/cli/editors.ts';
import type { Work } from '../../src/desk/work-now.ts';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'desk-'));
const started: ChildProcess[] = [];
after(() => {
  for (const child of started) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

function start(...args: string[]): ChildProcess {
  const env = { ...process.env, OTEL_SERVICE_NAME: undefined, NODE_OPTIONS: undefined };
  const child = spawn(process.execPath, [main, ...args], { cwd: folder, env, stdio: 'pipe' });
  started.push(child);
  return child;
}

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function ended(child: ChildProcess): Promise<Ended> {
  const closed = once(child, 'close');
  const [stdout, stderr] = await Promise.all([text(child.stdout as never), text(child.stderr as never)]);
  const [code] = await closed;
  return { code, stdout, stderr };
}

/** A server whose handler goes on, and a client that leaves. */
const APP = `
import http from 'node:http';
const server = http.createServer((request, response) => setTimeout(() => response.end('late'), 300));
server.listen(0, '127.0.0.1', async () => {
  const controller = new AbortController();
  server.once('request', () => setTimeout(function leave() { controller.abort(new Error('seen enough')); }, 50));
  await fetch('http://127.0.0.1:' + server.address().port + '/slow', { signal: controller.signal }).catch(() => {});
  console.log('argument: ' + process.argv[2]);
  setTimeout(() => process.exit(7), 500);
});
`;
/** A handler that is at work for a client that has left, until somebody asks the other server for /finish. It says where it exports to, and where that is. */
const BUSY = `
import http from 'node:http';
async function findStock(url) {
  return await (await fetch(url)).text();
}
const waiting = [];
const slow = http.createServer((request, response) => {
  waiting.push(response);
  if (request.url === '/finish') for (const each of waiting) each.end('none');
});
const shop = http.createServer(async (request, response) => {
  setTimeout(() => visitor.destroy(), 20);
  response.end(await findStock('http://127.0.0.1:' + slow.address().port));
});
let visitor;
slow.listen(0, '127.0.0.1', () => shop.listen(0, '127.0.0.1', () => {
  visitor = http.get('http://127.0.0.1:' + shop.address().port + '/busy').on('error', () => {});
  console.log(process.env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT + ' http://127.0.0.1:' + slow.address().port);
}));
`;
const app = join(folder, 'app.mjs');
writeFileSync(app, APP);

describe('run', () => {
  it('leaves output and exit code to the program, and prints its cancelled trace', async () => {
    const { code, stdout, stderr } = await ended(start('run', '--', process.execPath, app, '--port'));
    assert.equal(stdout, 'argument: --port\n');
    assert.equal(code, 7);
    const service = basename(folder);
    assert.match(
      stderr,
      new RegExp(`^${service} → GET /slow +\\d+ ms +canceled +at \\d+ ms +local +abort +wait$`, 'm'),
    );
    assert.match(stderr, /^│ {2}at Timeout\.leave \[as _onTimeout\] \(app\.mjs:6:\d+\)$/m);
    assert.match(stderr, /because “seen enough”/);
    assert.match(stderr, new RegExp(`^└─ ${service} ← GET /slow .* peer +disconnect +handle$`, 'm'));
  });
  it('sees processes that the program starts, and prints JSON', async () => {
    const shell = ['sh', '-c', `"${process.execPath}" "${app}"; exit 4`];
    const { code, stderr } = await ended(start('run', '--json', '--', ...shell));
    assert.equal(code, 4);
    const traces = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.ok(traces.length > 0);
    assert.match(traces[0].traceId, /^[0-9a-f]{32}$/);
  });
  it('knows what is done for nobody at this moment, until it is over', async () => {
    const file = join(folder, 'busy.mjs');
    writeFileSync(file, BUSY);
    const child = start('run', '--', process.execPath, file);
    const [line] = await once(child.stdout as never, 'data');
    const [desk = '', slow = ''] = String(line).trim().split(' ');
    const works = async (): Promise<Work[]> =>
      (await (await fetch(new URL('/api/work', desk))).json()) as Work[];
    after(() => child.kill('SIGTERM'));
    let [work] = await works();
    for (; work === undefined || work.operation === 'GET'; [work] = await works()) await delay(50);
    const { service, operation, pending, isSilent, traceId } = work;
    const query = { name: 'GET', origin: `findStock (${file}:4:23)` };
    assert.deepEqual(
      [service, operation, pending, isSilent],
      [basename(folder), 'GET /busy', [query], false],
    );
    assert.ok(Date.now() - work.sinceMs < 30_000 && work.sinceMs <= Date.now());
    await fetch(new URL('/finish', slow));
    while ((await works()).length > 0) await delay(50);
    const url = new URL(`/api/traces/${traceId}`, desk);
    const trace = (await (await fetch(url)).json()) as { spans: { name: string }[] };
    assert.deepEqual(
      trace.spans.filter(({ name }) => name === 'work goes on'),
      [],
    );
    child.kill('SIGTERM');
    await ended(child);
  });
  it('passes signals on, and exits as the program does', async () => {
    const idle = `process.on('SIGTERM', () => process.exit(9)); setInterval(() => {}, 1e3); console.log('up')`;
    const child = start('run', '--', process.execPath, '-e', idle);
    await once(child.stdout as never, 'data');
    child.kill('SIGTERM');
    assert.equal((await ended(child)).code, 9);
    const killed = await ended(
      start('run', '--', process.execPath, '-e', `process.kill(process.pid, 'SIGTERM')`),
    );
    assert.equal(killed.code, 128 + 15);
  });
  it('says what is wrong', async () => {
    for (const [args, message] of [
      [
        ['run'],
        /run needs a command after --, as in: cancel-trace run -- node app\.js; --help tells more\n$/,
      ],
      [['run', 'node', 'app.js'], /run needs a command after --/],
      [['run', '--', 'no-such-command-anywhere'], /: no-such-command-anywhere: no such command\n$/],
      [['run', '--port', 'x', '--', 'node'], /--port must be a port, .* but is x; --help tells more\n$/],
      [['view', '--max-spans', '0'], /--max-spans must be a number of spans, but is 0/],
      [['view', 'no-such-file'], /no-such-file: no such file\n$/],
    ] as const) {
      const { code, stderr } = await ended(start(...args));
      assert.equal(code, 2);
      assert.match(stderr, message);
    }
  });
});

describe('view', () => {
  async function startView(...args: string[]): Promise<{ url: string; child: ChildProcess }> {
    const child = start('view', '--port', '0', '--grpc-port', '0', '--json', ...args);
    const [line] = await once(child.stdout as never, 'data');
    return { url: JSON.parse(line).url, child };
  }
  const span = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), name: 'GET /x', kind: 2 };
  const cancel = { key: 'context.canceled', value: { boolValue: true } };
  const request = { resourceSpans: [{ scopeSpans: [{ spans: [{ ...span, attributes: [cancel] }] }] }] };
  const post = (url: string, body: object = request): Promise<Response> =>
    fetch(`${url}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });

  it('takes spans, answers the page, tells of changes, keeps them over a restart', async () => {
    const file = join(folder, 'kept.jsonl');
    const { url, child } = await startView('--keep', file);
    assert.match(await (await fetch(url)).text(), /<title>cancel-trace<\/title>/);
    const changes = await fetch(`${url}/api/changes`);
    const reader = (changes.body as ReadableStream<Uint8Array>).getReader();
    const next = async (): Promise<string> => Buffer.from((await reader.read()).value ?? []).toString();
    assert.match(await next(), /"spans":0/);
    assert.equal((await post(url)).status, 200);
    assert.match(await next(), /"spans":1/);
    const found = (await (await fetch(`${url}/api/traces`)).json()) as { total: number };
    assert.equal(found.total, 1);
    child.kill('SIGKILL');
    await reader.cancel().catch(() => {});
    const again = await startView('--keep', file);
    const state = (await (await fetch(`${again.url}/api/state`)).json()) as { spans: number };
    assert.equal(state.spans, 1);
    again.child.kill('SIGINT');
    assert.equal((await ended(again.child)).code, 0);
  });
  it('loses nothing that it has acknowledged: killed, with a full disk, with too little room at the next start', async () => {
    const file = join(folder, 'full.jsonl');
    // As a disk that is full: a file may have a few KiB, and of what goes beyond a part is written.
    const shell = `ulimit -f 8; exec "${process.execPath}" "${main}" view --port 0 --grpc-port 0 --json --keep "${file}"`;
    const child = spawn('sh', ['-c', shell], { cwd: folder, stdio: 'pipe' });
    started.push(child);
    const [line] = await once(child.stdout, 'data');
    const { url } = JSON.parse(line);
    const acknowledged: string[] = [];
    const send = async (id: string, nameLength: number): Promise<number> => {
      const sent = structuredClone(request);
      const [only] = sent.resourceSpans[0]?.scopeSpans[0]?.spans ?? [];
      Object.assign(only as object, { traceId: id.repeat(32), name: 'x'.repeat(nameLength) });
      const { status } = await post(url, sent);
      if (status === 200) acknowledged.unshift(id.repeat(32));
      return status;
    };
    const ids = '123456789'[Symbol.iterator]();
    let status = 200;
    while (status === 200) status = await send(String(ids.next().value), 3_000);
    assert.equal(status, 503);
    assert.equal(await send('a', 10), 200);
    assert.equal(await send('b', 10), 200);
    child.kill('SIGKILL');
    await once(child, 'close');
    assert.ok(acknowledged.length >= 3);
    const again = await startView('--keep', file, '--max-spans', `${acknowledged.length - 1}`);
    const ask = async (path: string) => await (await fetch(`${again.url}/api/${path}`)).json();
    const { traces } = (await ask('traces')) as { traces: { traceId: string }[] };
    assert.deepEqual(
      traces.map(({ traceId }) => traceId),
      acknowledged.slice(0, -1),
    );
    const { droppedSpans } = (await ask('state')) as { droppedSpans: number };
    assert.equal(droppedSpans, 1);
    again.child.kill('SIGTERM');
    await ended(again.child);
  });
  it('answers nobody who asks by another name or from another page', async () => {
    const { url, child } = await startView();
    const ask = (headers: http.OutgoingHttpHeaders): Promise<number | undefined> =>
      new Promise((resolve) => {
        http.get(`${url}/api/state`, { headers }, (response) => {
          response.resume();
          resolve(response.statusCode);
        });
      });
    assert.equal(await ask({}), 200);
    assert.equal(await ask({ host: 'evil.example' }), 403);
    assert.equal(await ask({ host: 'localhost:1' }), 200);
    assert.equal(await ask({ origin: 'http://evil.example' }), 403);
    assert.equal(await ask({ origin: url }), 200);
    const response = await fetch(url);
    assert.match(
      String(response.headers.get('content-security-policy')),
      /default-src 'none'; script-src 'self';/,
    );
    child.kill('SIGTERM');
    assert.equal((await ended(child)).code, 0);
  });
  it('shows source of the program only, and only what a stack of the trace names', async () => {
    const { url, child } = await startView();
    const stack = `leave (${app}:6:1)\nread (/etc/hostname.js:1:1)\n`;
    const stacked = structuredClone(request);
    stacked.resourceSpans[0]?.scopeSpans[0]?.spans[0]?.attributes.push({
      key: 'cancel.stacktrace',
      value: { stringValue: stack } as never,
    });
    await fetch(`${url}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(stacked),
    });
    const ask = (file: string, line: number): Promise<Response> =>
      fetch(`${url}/api/traces/${span.traceId}/source?${new URLSearchParams({ file, line: `${line}` })}`);
    const { firstLine, lines } = (await (await ask(app, 6)).json()) as { firstLine: number; lines: string[] };
    assert.equal(firstLine, 3);
    assert.match(lines[3] ?? '', /seen enough/);
    writeFileSync(join(folder, 'other.js'), 'secret');
    for (const file of [join(folder, 'other.js'), '/etc/hostname.js', main, '../etc/passwd']) {
      assert.equal((await ask(file, 1)).status, 404, file);
    }
    child.kill('SIGTERM');
    await ended(child);
  });
  it('says that a port is taken', async () => {
    const { url, child } = await startView();
    const { code, stderr } = await ended(start('view', '--port', new URL(url).port));
    assert.equal(code, 2);
    assert.match(stderr, /127\.0\.0\.1:\d+: something else listens there\. Name another port\n$/);
    child.kill('SIGTERM');
    await ended(child);
  });
});

describe('--editor', () => {
  it('is a name, or an address of another one', () => {
    assert.equal(editorUrlOf('vscode'), 'vscode://file/{file}:{line}:{column}');
    assert.equal(editorUrlOf('idea'), 'idea://open?file={file}&line={line}&column={column}');
    assert.equal(editorUrlOf('mine://{file}#{line}'), 'mine://{file}#{line}');
    assert.equal(editorUrlOf('none'), undefined);
  });
  it('is nothing that a browser would open itself', () => {
    assert.throws(() => editorUrlOf('vscod'), /unknown editor vscod \(did you mean vscode\?\)/);
    assert.throws(() => editorUrlOf('toString'), /unknown editor/);
    for (const named of ['javascript:alert("{file}")', 'https://example.com/{file}', 'mine://no-file']) {
      assert.throws(() => editorUrlOf(named), /--editor may be an address such as idea:/);
    }
  });
});

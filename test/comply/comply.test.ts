/** The command that asks a server from outside: whom it asks, how often, what it says where it cannot see anything. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { selfSignedCertificate } from '../integrations/http/certificate.ts';
import { answerWith, data, head } from '../integrations/http2/frames.ts';
import { faultsOfSarif } from '../support/sarif.ts';
import { assertVerdicts, run, verdictsOf } from './ask.ts';
import { listening, type Rules, type Served, serve } from './servers.ts';

const ONE_HEADER = ['--deadline-header', 'timeout-ms'];
const UNSEEN = {
  'leave.wire': 'cannot be told: over HTTP/1.1',
  'leave.connection': 'not asked: over HTTP/1.1',
  'leave.downstream': 'cannot be told: not seen from outside',
  'limit.timeout-ms.passed-on': 'not asked: needs --callback-param',
};
const NOT_ENFORCED = { missing: 'not asked: needs --enforced' };

const servers: Served[] = [];
const folder = mkdtempSync(join(tmpdir(), 'comply-'));
after(() => {
  for (const server of servers) server.crash();
  rmSync(folder, { recursive: true });
});

interface Run {
  readonly tool: { readonly driver: { readonly rules: readonly { readonly id: string }[] } };
  readonly results: readonly {
    readonly ruleId: string;
    readonly ruleIndex: number;
    readonly message: { readonly text: string };
  }[];
  readonly invocations: readonly {
    readonly exitCode: number;
    readonly toolExecutionNotifications: readonly { readonly message: { readonly text: string } }[];
  }[];
}

function sarifIn(file: string): [Run] {
  const log = JSON.parse(readFileSync(file, 'utf8')) as { runs: [Run] };
  assert.equal(faultsOfSarif(log), undefined);
  return log.runs;
}

async function kept(server: Promise<Served>): Promise<string> {
  const served = await server;
  servers.push(served);
  return `127.0.0.1:${served.port}`;
}

const started = (protocol: 'http1' | 'http2' | 'grpc', rules: Rules = {}): Promise<string> =>
  kept(serve(protocol, { workMs: 500, ...rules }));

describe('comply', { concurrency: true }, () => {
  it('says where it cannot see anything, and fails nothing for it', async () => {
    const file = join(folder, 'fine.sarif');
    const told = await verdictsOf(await started('http1'), ...ONE_HEADER, '--sarif', file);
    assertVerdicts(told, { ...UNSEEN, ...NOT_ENFORCED });
    const [{ results, invocations }] = sarifIn(file);
    assert.deepEqual(results, []);
    assert.equal(invocations[0]?.exitCode, 0);
    const notes = invocations[0]?.toolExecutionNotifications.map(({ message }) => message.text);
    assert.equal(notes?.filter((note) => note.startsWith('cannot be told: ')).length, 2, String(notes));
  });

  it('asks of an enforcing server whether it refuses', async () => {
    const asked = [await started('http1', { isEnforced: true }), ...ONE_HEADER, '--enforced'];
    assertVerdicts(await verdictsOf(...asked), UNSEEN);
    const file = join(folder, 'ignoring.sarif');
    const ignoring = [
      ...[await started('http1', { wrong: 'ignore' }), ...ONE_HEADER, '--enforced'],
      ...['--sarif', file],
    ];
    assertVerdicts(await verdictsOf(...ignoring), {
      ...UNSEEN,
      missing: 'fail: 200 after',
      'wrong.timeout-ms.malformed': 'ignored, and not refused',
      'wrong.timeout-ms.negative': 'ignored, and not refused',
      'wrong.timeout-ms.too-many-digits': 'ignored, and not refused',
      'wrong.timeout-ms.empty': 'ignored, and not refused',
    });
    const [{ results, tool }] = sarifIn(file);
    assert.deepEqual(
      results.map(({ ruleId }) => ruleId),
      [
        'missing',
        ...['malformed', 'negative', 'too-many-digits', 'empty'].map((kind) => `wrong.timeout-ms.${kind}`),
      ],
    );
    for (const { ruleId, ruleIndex, message } of results) {
      assert.equal(tool.driver.rules[ruleIndex]?.id, ruleId);
      assert.match(message.text, /^GET \/: .*: (200 after|.*ignored, and not refused)/);
    }
  });

  it('asks for every header that there is, and makes no more requests than it says', async () => {
    let count = 0;
    const server = http.createServer((_request, response) => {
      count++;
      response.end('at once');
    });
    const { checks, requestCount, most } = await verdictsOf(await kept(listening(server)));
    assert.equal(most, 39);
    assert.equal(requestCount, count);
    // Where nothing can be told, nothing is asked for it; a machine that is busy may be slow enough.
    const { verdict, seen } = checks.get('limit.timeout-ms') ?? {};
    if (verdict === 'cannot be told') assert.match(String(seen), /name one that takes longer/);
    assert.equal(count, verdict === 'cannot be told' ? most - 6 : most);
    assert.equal([...checks.keys()].filter((id) => /^limit\.[\w-]+$/.test(id)).length, 6);
    assert.equal(checks.get('leave.downstream')?.verdict, 'cannot be told');
    const help = await run('--help');
    assert.match(help.text, /at most 39 in all \(9 for HTTP with one --deadline-header, 14 for gRPC,/);
  });

  it('stops to ask when the server has crashed', async () => {
    const told = await verdictsOf(await started('http1', { wrong: 'crash' }), ...ONE_HEADER);
    const last = [...told.checks.values()].at(-1);
    assert.deepEqual(
      { id: last?.id, verdict: last?.verdict, seen: last?.seen },
      { id: 'wrong.timeout-ms.malformed', verdict: 'fail', seen: 'nothing listens there any more' },
    );
    assert.equal(told.exitCode, 1);
  });

  it('sees what still comes on a stream of HTTP/2 that was reset', async () => {
    const server = net.createServer((socket) => {
      socket.on('error', () => {});
      answerWith(socket, (streamId) => {
        setTimeout(() => socket.write(Buffer.concat([data(streamId, 1_000), data(streamId, 24, true)])), 400);
        return [head(streamId)];
      });
    });
    const { checks } = await verdictsOf(await kept(listening(server)), '--http2', ...ONE_HEADER);
    const { verdict, seen } = checks.get('leave.wire') ?? {};
    assert.equal(verdict, 'fail');
    assert.match(String(seen), /^1,024 bytes in 2 frames after the reset, the last after \d+ ms$/);
    assert.equal(checks.get('leave.connection')?.verdict, 'fail', 'it answers no PING');
  });

  it('sees a connection that ends with one of its streams', async () => {
    const server = http2.createServer();
    server.on('stream', (stream) => {
      setTimeout(() => {
        if (stream.closed) return;
        stream.respond();
        stream.end('done');
      }, 250);
      stream.on('error', () => {});
      stream.on('aborted', () => stream.session?.goaway(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM));
    });
    const { checks } = await verdictsOf(await kept(listening(server)), '--http2', ...ONE_HEADER);
    assert.deepEqual(checks.get('leave.connection')?.seen, 'GOAWAY');
    assert.equal(checks.get('leave.wire')?.verdict, 'pass');
  });

  it('asks by TLS, of whoever --ca trusts', async () => {
    const tls = selfSignedCertificate();
    const ca = join(folder, 'ca.pem');
    writeFileSync(ca, tls.cert);
    const port = (await started('grpc', { tls })).split(':')[1];
    const asked = [`https://localhost:${port}`, '--method', 'some.Service/Method'];
    const refused = await run(...asked);
    assert.equal(refused.exitCode, 2);
    assert.match(
      refused.stderr,
      /cannot be asked: self-signed certificate; --ca FILE names who has signed it/,
    );
    const { text } = await run(...asked, '--ca', ca, '--markdown');
    assert.match(
      text,
      /^# `https:\/\/localhost:\d+, some\.Service\/Method, gRPC: takes \d+ ms without a limit`\n/,
    );
    assert.match(
      text,
      /\n\| pass \| the connection outlives the cancel \| `PING answered after \d+ ms` \|\n/,
    );
    assert.match(text, /\n\d+ pass, 0 fail, 2 cannot be told, 2 not asked; 13 requests of at most 14, /);
    assert.equal((await run(...asked, '--insecure')).exitCode, 0);
  });

  it('sends what it is told to, to nobody else', async () => {
    const seen: unknown[] = [];
    const server = http.createServer((request, response) => {
      const { method, url, headers } = request;
      seen.push([method, url, headers.authorization, headers['x-more']]);
      response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end();
    });
    const address = await kept(listening(server));
    const { exitCode, stderr } = await run(
      ...[`http://${address}/a?b=c`, '--method', 'POST', '--data', 'x', '--callback-param', 'to'],
      ...['--header', 'authorization: Bearer me\nx-more: yes'],
    );
    assert.equal(exitCode, 2);
    assert.match(stderr, /POST http:\/\/\S+\/a\?b=c: 302 after \d+ ms, so there is nothing to compare with/);
    const [[method, url, ...headers]] = seen as [[string, string, ...string[]]];
    assert.deepEqual([seen.length, method, headers], [1, 'POST', ['Bearer me', 'yes']]);
    assert.match(url, /^\/a\?b=c&to=http%3A%2F%2F127\.0\.0\.1%3A\d+%2Fcomply%2F1$/);
  });

  const REFUSED: readonly [args: readonly string[], message: RegExp][] = [
    [[], /comply needs the address of a server/],
    [['ftp://x'], /ftp:\/\/x is no address of HTTP/],
    [['http://127.0.0.1:1/'], /http:\/\/127\.0\.0\.1:1 cannot be asked: nothing listens there/],
    [['x:1', '--deadline-header', 'timeout'], /no known header timeout \(did you mean timeout-ms\?\)/],
    [['x:1', '--method', 'a.B/C', '--callback-param', 'c'], /gRPC has --callback-header/],
    [['x:1', '--method', 'a.B/C', '--data', '{}'], /is JSON, and needs --proto/],
    [['x:1', '--method', 'a.B/C', '--data-hex', 'abc'], /must be pairs of hex digits/],
    [['x:1', '--header', 'nonsense'], /--header must be name: value/],
    [['x:1', '--hold', 'long'], /--hold must be a number up to 60000/],
    [['x:1', '--ca', '/no/file'], /\/no\/file: cannot be read \(ENOENT\)/],
    [
      ['x:1', '--callback-param', 'c', '--callback-host', '192.0.2.1'],
      /cannot listen there \(EADDRNOTAVAIL\)/,
    ],
  ];
  for (const [args, message] of REFUSED) {
    it(`says what is wrong: ${args.join(' ')}`, async () => {
      const { exitCode, stderr, text } = await run(...args);
      assert.match(stderr, message);
      assert.deepEqual(
        { exitCode, text, lines: stderr.split('\n').length },
        { exitCode: 2, text: '', lines: 2 },
      );
    });
  }
});

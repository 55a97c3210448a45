import assert from 'node:assert/strict';
import { once } from 'node:events';
import type * as Http from 'node:http';
import net from 'node:net';
import { pipeline, Readable } from 'node:stream';
import { after, beforeEach, describe, it } from 'node:test';
import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { Telemetry } from '../../support/telemetry.ts';
import { closed, event, HttpLab, read, responseTo } from './lab.ts';

const telemetry = new Telemetry('alone');
const lab = new HttpLab();
/** As a proxy passes it on that copies what it was sent. */
const ANOTHER = `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`;

describe('node:http, spans of our own', () => {
  after(() => lab.close());
  beforeEach(() => telemetry.reset());

  it('the server continues the trace of the client', async () => {
    const { at } = await lab.serve((_request, response) => response.end());
    await read(lab.http.get({ ...at, path: '/path?query=1', headers: { 'user-agent': 'test/1' } }));
    await telemetry.allEnded();
    const client = only(SpanKind.CLIENT);
    const server = only(SpanKind.SERVER);
    assertChild(server, client);
    assert.equal(client.name, 'GET');
    assert.equal(server.name, 'GET');
    const { 'network.peer.port': clientPort, ...said } = server.attributes;
    assert.ok(Number(clientPort) > 0);
    assert.deepEqual(said, {
      'http.request.method': 'GET',
      'url.scheme': 'http',
      'url.path': '/path',
      'url.query': 'query=1',
      'server.address': '127.0.0.1',
      'server.port': at.port,
      'client.address': '127.0.0.1',
      'network.peer.address': '127.0.0.1',
      'network.protocol.version': '1.1',
      'user_agent.original': 'test/1',
      'http.response.status_code': 200,
    });
    assert.deepEqual(client.attributes, {
      'http.request.method': 'GET',
      'url.full': `http://127.0.0.1:${at.port}/path?query=1`,
      'server.address': '127.0.0.1',
      'server.port': at.port,
      'network.peer.address': '127.0.0.1',
      'network.peer.port': at.port,
      'network.protocol.version': '1.1',
      'http.response.status_code': 200,
    });
  });

  const outgoing: Record<string, (port: number) => Http.RequestOptions> = {
    'array headers': () => ({ headers: ['host', 'shop.test'] }),
    'array headers of which one is the context of another trace': () => ({
      headers: ['host', 'shop.test', 'TraceParent', ANOTHER, 'x-one', '1'],
    }),
    'headers of which one is the context of another trace': () => ({ headers: { TraceParent: ANOTHER } }),
    'Expect: 100-continue and the context of another trace': () => ({
      method: 'POST',
      headers: { expect: '100-continue', TraceParent: ANOTHER },
    }),
    'Expect: 100-continue': () => ({ method: 'POST', headers: { expect: '100-continue' } }),
    'Expect: 100-continue in array headers': () => ({
      method: 'POST',
      headers: ['host', 'shop.test', 'expect', '100-continue', 'transfer-encoding', 'chunked'],
    }),
    'Expect: 100-continue and keep-alive': () => {
      const agent = new lab.http.Agent({ keepAlive: true, maxSockets: 1 });
      lab.onClose(() => agent.destroy());
      return { agent, method: 'POST', headers: { expect: '100-continue' } };
    },
    'a POST of which the head is flushed first': () => ({ method: 'POST' }),
    'an agent that is not Node’s': (port) => ({
      agent: {
        addRequest: (request: Http.ClientRequest) =>
          setImmediate(() => request.onSocket(net.connect(port, '127.0.0.1'))),
      } as unknown as Http.Agent,
    }),
    'createConnection()': (port) => ({
      agent: undefined,
      createConnection: () => net.connect(port, '127.0.0.1'),
    }),
  };
  for (const [name, options] of Object.entries(outgoing)) {
    it(`the trace is continued with ${name}`, async () => {
      const { at } = await lab.serve((_request, response) => response.end());
      const request = lab.http.request({ ...at, ...options(at.port) });
      request.flushHeaders();
      request.end(request.method === 'POST' ? 'body' : undefined);
      await read(request);
      await telemetry.allEnded();
      assertChild(only(SpanKind.SERVER), only(SpanKind.CLIENT));
    });
  }

  it('requests on one connection have spans of their own', async () => {
    const { at } = await lab.serve((_request, response) => response.end());
    const agent = new lab.http.Agent({ keepAlive: true });
    const first = lab.http.get({ ...at, agent });
    await Promise.all([read(first), once(first, 'close')]);
    const second = lab.http.get({ ...at, agent });
    await Promise.all([read(second), once(second, 'close')]);
    agent.destroy();
    await telemetry.allEnded();
    assert.equal(second.reusedSocket, true);
    assert.deepEqual(telemetry.ended.map(({ kind }) => SpanKind[kind]).sort(), [
      'CLIENT',
      'CLIENT',
      'SERVER',
      'SERVER',
    ]);
    assert.equal(new Set(telemetry.ended.map((span) => span.spanContext().traceId)).size, 2);
  });

  it('what a handler starts in events of the request belongs to its span', async () => {
    const seen: Record<string, string | undefined> = {};
    const note = (name: string) => () => {
      seen[name] = trace.getSpan(context.active())?.spanContext().spanId;
    };
    const over = event();
    const { at } = await lab.serve((request, response) => {
      note('handler')();
      request.once('data', note('data'));
      request.on('end', () => {
        note('end')();
        response.end('answer');
      });
      response.on('finish', note('finish'));
      response.on('close', () => {
        note('close')();
        over.resolve();
      });
    });
    const request = lab.http.request({ ...at, method: 'POST' });
    request.end('body');
    await Promise.all([read(request), over.promise]);
    await telemetry.allEnded();
    const id = only(SpanKind.SERVER).spanContext().spanId;
    assert.deepEqual(seen, { handler: id, data: id, end: id, finish: id, close: id });
  });

  it('a URL is recorded without credentials and signatures', async () => {
    const { at } = await lab.serve((_request, response) => response.end());
    await read(lab.http.get(`http://user:secret@127.0.0.1:${at.port}/a?x=1&sig=abc#part`));
    await read(lab.http.get({ ...at, path: 'http://user:secret@other.test/b?Signature=abc&y=2' }));
    await telemetry.allEnded();
    assert.deepEqual(
      telemetry.ended
        .filter(({ kind }) => kind === SpanKind.CLIENT)
        .map((span) => span.attributes['url.full']),
      [`http://127.0.0.1:${at.port}/a?x=1&sig=REDACTED`, 'http://other.test/b?Signature=REDACTED&y=2'],
    );
    assert.doesNotMatch(JSON.stringify(telemetry.ended.map(({ attributes }) => attributes)), /secret|abc/);
  });

  it('an unknown method does not name the span', async () => {
    const { at } = await lab.serve((_request, response) => response.end());
    await read(lab.http.get({ ...at, method: 'PROPFIND' }));
    await telemetry.allEnded();
    for (const span of telemetry.ended) {
      assert.equal(span.name, 'HTTP');
      assert.equal(span.attributes['http.request.method'], '_OTHER');
      assert.equal(span.attributes['http.request.method_original'], 'PROPFIND');
    }
  });

  it('a failure has an error.type', async () => {
    const { at } = await lab.serveRaw((socket) => socket.once('data', () => socket.resetAndDestroy()));
    await closed(lab.http.get(at));
    const cut = await lab.serveRaw((socket) =>
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf')),
    );
    await closed(lab.http.get(cut.at, (response) => response.resume().on('error', () => {})));
    await telemetry.allEnded();
    for (const span of telemetry.ended) {
      assert.equal(span.attributes['error.type'], 'ECONNRESET');
      assert.equal(span.status.code, SpanStatusCode.ERROR);
    }
  });

  it('a cancelled SERVER span has no status code when no head was sent, and the one that was', async () => {
    const handled = event();
    const { at } = await lab.serve((request, response) => {
      if (request.url === '/head') response.writeHead(202).write('first part');
      else handled.resolve();
    });
    const early = lab.http.get(at);
    await Promise.all([closed(early), handled.promise.then(() => early.destroy())]);
    const late = lab.http.get({ ...at, path: '/head' });
    const end = closed(late);
    await once(await responseTo(late), 'data');
    late.destroy();
    await end;
    await telemetry.allEnded();
    const codes = telemetry.ended
      .filter(({ kind }) => kind === SpanKind.SERVER)
      .map(({ attributes }) => attributes['http.response.status_code']);
    assert.deepEqual(codes, [undefined, 202]);
  });

  it('a SERVER span is over before the application hears of the cancel', async () => {
    const heard: Record<string, boolean> = {};
    const over = event();
    const { port, server } = await lab.serve((request, response) => {
      const span = trace.getActiveSpan();
      const note = (name: string) => () => {
        heard[name] = span?.isRecording() === false;
      };
      request.on('aborted', note('request aborted'));
      request.on('error', note('request error'));
      request.on('close', note('request close'));
      request.socket.on('close', note('socket close'));
      response.on('close', () => {
        note('response close')();
        setImmediate(over.resolve);
      });
    });
    const client = await lab.connectRaw(port, 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nhalf');
    await once(server, 'request');
    client.destroy();
    await over.promise;
    assert.deepEqual(heard, {
      'request aborted': true,
      'request error': true,
      'request close': true,
      'socket close': true,
      'response close': true,
    });
  });

  it('every request of a connection that goes away is over, also those that wait for their turn', async () => {
    const handled = event();
    let requests = 0;
    const { port } = await lab.serve((request) => {
      request.resume();
      if (++requests === 3) request.on('end', () => handled.resolve());
    });
    const client = await lab.connectRaw(port, 'GET / HTTP/1.1\r\nhost: a\r\n\r\n'.repeat(3));
    await handled.promise;
    client.destroy();
    await telemetry.allEnded();
    assert.deepEqual(
      telemetry.ended.map(({ attributes }) => attributes['cancel.trigger']),
      ['disconnect', 'disconnect', 'disconnect'],
    );
  });

  it('response.destroy() ends the requests that wait for their turn, too', async () => {
    const both = event();
    const { port } = await lab.serve((request, response) => {
      if (request.url === '/next') both.resolve();
      else void both.promise.then(() => response.destroy());
    });
    const [first, next] = ['/', '/next'].map((path) => `GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`);
    const client = await lab.connectRaw(port, `${first}${next}`);
    client.resume();
    await once(client, 'close');
    await telemetry.allEnded();
    assert.deepEqual(
      telemetry.ended.map(({ attributes }) => [attributes['cancel.initiator'], attributes['cancel.trigger']]),
      [
        ['local', 'destroy'],
        ['local', 'destroy'],
      ],
    );
  });

  it('a request that breaks the grammar, and a stream that cannot fill the response, are failures', async () => {
    const { port, server } = await lab.serve((request, response) => {
      request.on('error', () => {}).resume();
      if (request.method === 'POST') return;
      const source = new Readable({ read() {} });
      pipeline(source, response, () => {});
      source.destroy(new RangeError('the database is gone'));
    });
    server.on('clientError', (_error, socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    for (const [text, type] of [
      [
        'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nno number\r\n',
        'HPE_INVALID_CHUNK_SIZE',
      ],
      ['GET / HTTP/1.1\r\nhost: a\r\n\r\n', 'RangeError'],
    ] as const) {
      const client = await lab.connectRaw(port, text);
      client.resume();
      await once(client, 'close');
      await telemetry.allEnded();
      assert.equal(only(SpanKind.SERVER).status.code, SpanStatusCode.ERROR);
      assert.equal(only(SpanKind.SERVER).attributes['error.type'], type);
      telemetry.reset();
    }
  });

  it('a CLIENT span is over when abort() returns, also of a request that has no connection yet', async () => {
    const { at } = await lab.serveRaw(() => {});
    const agent = new lab.http.Agent({ maxSockets: 1 });
    const first = lab.quietly(() => lab.http.get({ ...at, agent }));
    const firstEnd = closed(first);
    const controller = new AbortController();
    const queued = closed(lab.http.get({ ...at, agent, signal: controller.signal }));
    assert.equal(telemetry.open.size, 1);
    controller.abort();
    assert.equal(telemetry.open.size, 0);
    first.destroy();
    await Promise.all([firstEnd, queued]);
    assert.equal(only(SpanKind.CLIENT).attributes['cancel.phase'], 'queued');
  });
});

function only(kind: SpanKind): ReadableSpan {
  const spans = telemetry.ended.filter((span) => span.kind === kind);
  assert.equal(spans.length, 1);
  return spans[0] as ReadableSpan;
}

function assertChild(child: ReadableSpan, parent: ReadableSpan): void {
  assert.equal(child.spanContext().traceId, parent.spanContext().traceId);
  assert.equal(child.parentSpanContext?.spanId, parent.spanContext().spanId);
}

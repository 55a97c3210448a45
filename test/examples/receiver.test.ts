import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { after, before, beforeEach, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';

// The examples are plain JavaScript without declarations: the import is untyped on purpose.
const { startReceiver, flattenSpans } = await import(
  new URL('../../examples/receiver.js', import.meta.url).href
);

const traceId = '5b8efff798038103d269b633813fc60c';
const spanId = 'eee19b7ec3c1b174';

function exportRequest(span: object = {}): object {
  return {
    resourceSpans: [
      {
        resource: { attributes: [{ key: 'service.name', value: { stringValue: 'gateway' } }] },
        scopeSpans: [
          {
            scope: { name: 'a test' },
            spans: [
              {
                traceId,
                spanId,
                parentSpanId: '',
                name: 'POST /checkout',
                kind: 2,
                startTimeUnixNano: '1700000000123456789',
                endTimeUnixNano: '1700000000200000000',
                status: { code: 2, message: 'left' },
                ...span,
              },
            ],
          },
        ],
      },
    ],
  };
}

describe('flattenSpans', () => {
  test('carries over identity, kind, status and times in ms', () => {
    const [span] = flattenSpans(exportRequest());
    assert.deepEqual(span, {
      traceId,
      spanId,
      parentSpanId: undefined,
      name: 'POST /checkout',
      kind: 'server',
      serviceName: 'gateway',
      attributes: {},
      events: [],
      links: [],
      status: { code: 'error', message: 'left' },
      startMs: 1700000000123.456,
      endMs: 1700000000200,
    });
  });

  test('unwraps every kind of attribute value', () => {
    const attributes = [
      { key: 'string', value: { stringValue: '' } },
      { key: 'false', value: { boolValue: false } },
      { key: 'int', value: { intValue: 8 } },
      { key: 'int as text', value: { intValue: '9007199254740991' } },
      { key: 'double', value: { doubleValue: 0.5 } },
      { key: 'bytes', value: { bytesValue: 'AAE=' } },
      { key: 'array', value: { arrayValue: { values: [{ intValue: '1' }, { stringValue: 'b' }] } } },
      { key: 'empty array', value: { arrayValue: {} } },
      { key: 'map', value: { kvlistValue: { values: [{ key: 'k', value: { boolValue: true } }] } } },
      { key: 'nothing', value: {} },
    ];
    const [span] = flattenSpans(exportRequest({ attributes }));
    assert.deepEqual(span.attributes, {
      string: '',
      false: false,
      int: 8,
      'int as text': 9007199254740991,
      double: 0.5,
      bytes: 'AAE=',
      array: [1, 'b'],
      'empty array': [],
      map: { k: true },
      nothing: undefined,
    });
  });

  test('keeps events and links', () => {
    const attributes = [{ key: 'cancel.phase', value: { stringValue: 'wait' } }];
    const events = [{ name: 'context.canceled', timeUnixNano: '1700000000150000000', attributes }];
    const [span] = flattenSpans(exportRequest({ events, links: [{ traceId, spanId }] }));
    assert.deepEqual(span.events, [
      { name: 'context.canceled', timeMs: 1700000000150, attributes: { 'cancel.phase': 'wait' } },
    ]);
    assert.deepEqual(span.links, [{ traceId, spanId, attributes: {} }]);
  });

  test('takes an export without spans, and a span of a resource without a name', () => {
    assert.deepEqual(flattenSpans({}), []);
    assert.deepEqual(flattenSpans({ resourceSpans: [{ scopeSpans: [{}] }, {}] }), []);
    const [span] = flattenSpans({ resourceSpans: [{ scopeSpans: [{ spans: [{ traceId, spanId }] }] }] });
    assert.equal(span.serviceName, 'unknown_service');
    assert.equal(span.kind, 'internal');
    assert.equal(span.status.code, 'unset');
  });
});

describe('startReceiver', () => {
  let receiver: { url: string; spans: { name: string }[]; close(): Promise<void> };
  let forwarded: { headers: http.IncomingHttpHeaders; body: Buffer }[];

  before(async () => {
    const forward = (headers: http.IncomingHttpHeaders, body: Buffer) => forwarded.push({ headers, body });
    receiver = await startReceiver({ forward });
  });
  beforeEach(() => {
    receiver.spans.length = 0;
    forwarded = [];
  });
  after(() => receiver.close());

  function post(
    body: string | Uint8Array<ArrayBuffer>,
    headers: Record<string, string> = {},
    path = '/v1/traces',
  ): Promise<Response> {
    return fetch(receiver.url + path, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', ...headers },
    });
  }

  test('listens on the loopback interface', () => {
    assert.match(receiver.url, /^http:\/\/127\.0\.0\.1:\d+$/);
  });

  test('takes JSON, and answers as OTLP asks for', async () => {
    const response = await post(JSON.stringify(exportRequest()), {
      'content-type': 'application/json; charset=utf-8',
    });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('content-type'), 'application/json');
    assert.deepEqual(await response.json(), { partialSuccess: {} });
    assert.deepEqual(
      receiver.spans.map(({ name }) => name),
      ['POST /checkout'],
    );
  });

  test('takes gzip, and forwards it as it came', async () => {
    const body = gzipSync(JSON.stringify(exportRequest()));
    const response = await post(new Uint8Array(body), { 'content-encoding': 'gzip', 'x-tenant': 'a' });
    assert.equal(response.status, 200);
    assert.equal(receiver.spans.length, 1);
    assert.equal(forwarded.length, 1);
    assert.deepEqual(forwarded[0]?.body, body);
    assert.equal(forwarded[0]?.headers['x-tenant'], 'a');
  });

  test('refuses protobuf with 415 and says what to set', async () => {
    const response = await post('\n\0', { 'content-type': 'application/x-protobuf' });
    assert.equal(response.status, 415);
    assert.match(await response.text(), /application\/x-protobuf.*OTEL_EXPORTER_OTLP_PROTOCOL/);
  });

  test('refuses what is not JSON, not gzip or not OTLP, and goes on', async () => {
    for (const response of [
      await post('{"resourceSpans":'),
      await post('{}', { 'content-encoding': 'gzip' }),
      await post('{"resourceSpans":{}}'),
      await post('null'),
    ]) {
      assert.equal(response.status, 400);
      assert.match(await response.text(), /^\{"message":".+"\}$/);
    }
    assert.equal(receiver.spans.length, 0);
    assert.equal(forwarded.length, 0);
    assert.equal((await post('{}')).status, 200);
  });

  test('refuses other paths and methods', async () => {
    assert.equal((await post('{}', {}, '/v1/metrics')).status, 404);
    assert.equal((await fetch(`${receiver.url}/v1/traces`)).status, 405);
  });

  test('takes a body of 16 MiB, and refuses one of a byte more, zipped or not', async () => {
    const limit = 16 * 1024 * 1024;
    const largest = '{}'.padEnd(limit);
    assert.equal((await post(largest)).status, 200);
    assert.equal(
      (await post(new Uint8Array(gzipSync(`${largest} `)), { 'content-encoding': 'gzip' })).status,
      400,
    );

    // By hand: the answer comes while the body is still under way, which fetch takes for a failure.
    const request = http.request(`${receiver.url}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': limit + 2 },
    });
    request.on('error', () => {});
    request.write(`${largest} `);
    const [response] = await once(request, 'response');
    assert.equal(response.statusCode, 413);
    request.destroy();
  });
});

/**
 * What is tried beside every product: a request whose client leaves, and one whose handler gives up a fetch() and a
 * request of node:http itself. Each has exactly one span, and the three that were cancelled are marked.
 */
import assert from 'node:assert/strict';
import type { SetupFolder } from './setup-folder.ts';
import { leave, stay } from './visitors.ts';

/** The handlers, and whom they ask: it answers nobody, and is no HTTP server of this process that would be seen, too. */
export const handlers = `const silent = net.createServer((socket) => socket.on('error', () => {}));
const listening = new Promise((resolve) => silent.listen(0, '127.0.0.1', resolve));
const asked = () => 'http://127.0.0.1:' + silent.address().port;

async function slow() {
  await new Promise((resolve) => setTimeout(resolve, 600));
  return { late: true };
}

async function out() {
  await listening;
  const controller = new AbortController();
  setTimeout(function giveUpFetch() { controller.abort(new Error('no longer wanted')); }, 150);
  await fetch(asked() + '/fetch', { signal: controller.signal }).catch(() => {});
  await new Promise((resolve) => {
    const request = http.get(asked() + '/http', () => {}).on('error', resolve);
    setTimeout(function giveUpHttp() { request.destroy(new Error('enough')); }, 150);
  });
  return { out: true };
}
`;

/** Without a framework. Files of CommonJS are those that every instrumentation can patch without more. */
export const plainApp = `const http = require('node:http');
const net = require('node:net');
${handlers}
http.createServer(async (request, response) => {
  const answer = request.url === '/slow' ? await slow() : await out();
  response.end(JSON.stringify(answer));
}).listen(Number(process.env.PORT), '127.0.0.1');
`;

export async function visit(url: string): Promise<void> {
  await leave(`${url}/slow`);
  await stay(`${url}/out`);
}

/** A span, whatever it was exported by. */
export interface SeenSpan {
  readonly kind: string;
  readonly scopeName: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** What an application may export before its own instrumentations are there is not counted. */
export function hasAll(spans: readonly Pick<SeenSpan, 'kind' | 'attributes'>[]): boolean {
  return (
    spans.filter(({ attributes }) => isMarked(attributes)).length >= 3 && of(spans, 'server').length >= 2
  );
}

export interface Scopes {
  readonly server: string;
  readonly fetch: string;
  readonly http: string;
}

/** Of SDKs that would export more than that. */
export const tracesOnly = {
  OTEL_METRICS_EXPORTER: 'none',
  OTEL_LOGS_EXPORTER: 'none',
  OTEL_NODE_RESOURCE_DETECTORS: 'env',
};

/** The application that this line starts exports spans of these scopes, marked, and writes nothing to stderr. */
export async function assertTagged(
  folder: SetupFolder,
  line: string,
  scopes: Scopes,
  env: NodeJS.ProcessEnv = tracesOnly,
): Promise<void> {
  const { spans, stderr } = await folder.observe(line, visit, hasAll, env);
  folder.check(() => {
    assertOuting(spans, scopes);
    assert.equal(stderr, '');
  });
}

/** @param giveUp false where the application's functions have lost their names, as in a bundle */
export function assertOuting(spans: readonly SeenSpan[], scopes: Scopes, giveUp = true): void {
  const servers = of(spans, 'server');
  assert.deepEqual(
    servers.map(({ scopeName }) => scopeName),
    [scopes.server, scopes.server],
    `one SERVER span for each of two requests: ${shown(spans)}`,
  );
  const left = servers.filter(({ attributes }) => isMarked(attributes));
  assert.equal(left.length, 1, `one of them is marked: ${shown(spans)}`);
  assert.equal(left[0]?.attributes['cancel.initiator'], 'peer');
  assert.equal(left[0]?.attributes['cancel.trigger'], 'disconnect');
  const clients = of(spans, 'client');
  assert.equal(clients.length, 2, `one CLIENT span for each of two requests: ${shown(spans)}`);
  const trigger = (name: string): SeenSpan | undefined =>
    clients.find(({ attributes }) => attributes['cancel.trigger'] === name);
  assert.equal(trigger('abort')?.scopeName, scopes.fetch, shown(spans));
  assert.equal(trigger('destroy')?.scopeName, scopes.http, shown(spans));
  for (const { attributes } of clients) {
    assert.equal(isMarked(attributes), true);
    assert.equal(attributes['cancel.initiator'], 'local');
    assert.notEqual(attributes['cancel.origin'], undefined);
  }
  if (!giveUp) return;
  assert.match(String(trigger('abort')?.attributes['cancel.origin']), /giveUpFetch.*app\.c?js:\d+:\d+/);
  assert.match(String(trigger('destroy')?.attributes['cancel.origin']), /giveUpHttp.*app\.c?js:\d+:\d+/);
}

function of<S extends Pick<SeenSpan, 'kind'>>(spans: readonly S[], kind: string): S[] {
  return spans.filter((span) => span.kind === kind);
}

/** dd-trace has but numbers and strings. */
function isMarked(attributes: Readonly<Record<string, unknown>>): boolean {
  return [true, 1, 'true'].includes(attributes['context.canceled'] as boolean);
}

function shown(spans: readonly SeenSpan[]): string {
  return spans
    .map(
      ({ kind, scopeName, attributes }) =>
        `${kind} ${scopeName} ${attributes['cancel.trigger'] ?? 'not cancelled'}`,
    )
    .join('; ');
}

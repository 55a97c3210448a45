/** What is staged with fetch(), of Node and of the package. */
import assert from 'node:assert/strict';
import type { ContractCase, Expectation } from '../../support/contract.ts';
import type { FetchLibrary } from './library.ts';
import type { UndiciServer } from './server.ts';

/** HTTP/1.1 has no other way to call a request off. */
const CLOSED = { 'network.connection.reused_after': false };

export const unmarked: Expectation = { outcome: undefined };
export const left: Expectation = { outcome: 'context.canceled', initiator: 'peer', trigger: 'disconnect' };
export const aborted: Expectation = {
  outcome: 'context.canceled',
  initiator: 'local',
  trigger: 'abort',
  status: 'unset',
};
export const timedOut: Expectation = {
  outcome: 'deadline_exceeded',
  initiator: 'local',
  trigger: 'signal_timeout',
  status: 'error',
  attributes: { 'error.type': 'TimeoutError', 'deadline.source': 'signal' },
};
const limitSent = { 'deadline.timeout_ms': 5_000, 'deadline.source': 'connect-timeout-ms' };
const bodyCancelled: Expectation = {
  outcome: 'context.canceled',
  initiator: 'local',
  trigger: 'body_cancel',
  phase: 'receive',
  status: 'unset',
  attributes: { 'http.response.status_code': 200, ...CLOSED },
};

/** Runs `act`, which must reject. Returns what it rejects with. */
export async function rejection(act: Promise<unknown>): Promise<unknown> {
  return act.then(
    () => assert.fail('should have been rejected'),
    (error: unknown) => error,
  );
}

export function fetchCases(
  { name, fetch, Request }: FetchLibrary,
  server: UndiciServer,
): readonly ContractCase[] {
  const { origin } = server;
  const body = (response: Response): ReadableStream<Uint8Array> => {
    assert.ok(response.body);
    return response.body as ReadableStream<Uint8Array>;
  };
  const cases: ContractCase[] = [
    {
      name: 'fetch aborted while it waits',
      async stage() {
        const controller = new AbortController();
        const seen = server.seen('/hang/1');
        const promise = rejection(fetch(`${origin}/hang/1`, { signal: controller.signal }));
        await seen;
        const error = new Error('user left');
        userLeaves(controller, error);
        assert.equal(await promise, error);
        await server.idle();
      },
      client: {
        ...aborted,
        phase: 'wait',
        reason: 'user left',
        origin: 'userLeaves',
        attributes: { ...aborted.attributes, ...CLOSED },
      },
      server: left,
    },
    {
      name: 'fetch aborted without a reason, while it receives',
      async stage() {
        const controller = new AbortController();
        const response = await fetch(`${origin}/body`, { signal: controller.signal });
        userLeaves(controller);
        assert.equal(((await rejection(response.text())) as Error).name, 'AbortError');
        await server.idle();
      },
      client: { ...aborted, phase: 'receive', origin: 'userLeaves', reason: /^AbortError: / },
      server: left,
    },
    {
      name: 'fetch aborted with a string, through any()',
      async stage() {
        const controller = new AbortController();
        const seen = server.seen('/hang/2');
        const signal = AbortSignal.any([controller.signal, new AbortController().signal]);
        const promise = rejection(fetch(new Request(`${origin}/hang/2`), { signal }));
        await seen;
        userLeaves(controller, 'enough');
        assert.equal(await promise, 'enough');
        await server.idle();
      },
      client: { ...aborted, phase: 'wait', reason: 'enough', origin: 'userLeaves' },
    },
    {
      name: 'fetch aborted by the signal of a Request',
      async stage() {
        const controller = new AbortController();
        const seen = server.seen('/hang/3');
        const request = new Request(`${origin}/hang/3`, { signal: controller.signal });
        const promise = rejection(fetch(request));
        await seen;
        userLeaves(controller, null);
        assert.equal(await promise, null);
        await server.idle();
      },
      client: { ...aborted, phase: 'wait', attributes: { 'cancel.reason': undefined }, origin: 'userLeaves' },
    },
    {
      name: 'fetch aborted while its body is sent',
      async stage() {
        const controller = new AbortController();
        const seen = server.seen('/upload');
        const promise = rejection(
          fetch(`${origin}/upload`, {
            method: 'POST',
            body: new Uint8Array(32 * 1024 * 1024),
            signal: controller.signal,
          }),
        );
        await seen;
        userLeaves(controller);
        await promise;
        await server.idle();
      },
      client: { ...aborted, phase: 'send', origin: 'userLeaves' },
    },
    {
      name: 'fetch aborted while it connects',
      async stage() {
        const controller = new AbortController();
        const promise = rejection(fetch(`${server.refusedOrigin}/`, { signal: controller.signal }));
        userLeaves(controller);
        await promise;
      },
      client: {
        ...aborted,
        phase: 'connect',
        origin: 'userLeaves',
        attributes: { 'network.connection.reused_after': undefined },
      },
    },
    {
      name: 'fetch aborted while the name is looked up',
      async stage() {
        const controller = new AbortController();
        const promise = rejection(fetch(`${server.namedOrigin}/`, { signal: controller.signal }));
        userLeaves(controller);
        await promise;
        await server.idle();
      },
      client: { ...aborted, phase: 'dns', origin: 'userLeaves' },
    },
    {
      name: 'fetch aborted in the TLS handshake',
      async stage() {
        const controller = new AbortController();
        const spokenTo = server.spokenTo();
        const promise = rejection(fetch(`${server.silentOrigin}/`, { signal: controller.signal }));
        await spokenTo;
        userLeaves(controller);
        await promise;
      },
      client: { ...aborted, phase: 'tls', origin: 'userLeaves' },
    },
    {
      name: 'fetch with a signal that is aborted already',
      async stage() {
        const controller = new AbortController();
        userLeaves(controller, 'gone');
        const promise = fetch(`${origin}/never?a=b`, { signal: controller.signal, method: 'put' });
        assert.equal(await rejection(promise), 'gone');
      },
      client: {
        ...aborted,
        phase: 'queued',
        reason: 'gone',
        origin: 'userLeaves',
        attributes: { 'url.full': `${origin}/never?a=b`, 'http.request.method': 'PUT' },
      },
      server: null,
    },
    {
      name: 'fetch with AbortSignal.timeout(), while it waits',
      async stage() {
        const error = await rejection(fetch(`${origin}/hang`, { signal: limitTo(300) }));
        assert.equal((error as Error).name, 'TimeoutError');
        await server.idle();
      },
      client: { ...timedOut, phase: 'wait', origin: 'limitTo' },
      server: left,
    },
    {
      name: 'fetch with AbortSignal.any() of a timeout, while it receives',
      async stage() {
        const timeout = limitTo(300);
        const signal = AbortSignal.any([timeout, new AbortController().signal]);
        const response = await fetch(`${origin}/body`, { signal });
        assert.equal(((await rejection(response.text())) as Error).name, 'TimeoutError');
        assert.ok(timeout.aborted);
        await server.idle();
      },
      client: { ...timedOut, phase: 'receive', origin: 'limitTo' },
    },
    {
      name: 'fetch with AbortSignal.timeout(), in the TLS handshake',
      async stage() {
        await rejection(fetch(`${server.silentOrigin}/`, { signal: limitTo(300) }));
      },
      client: { ...timedOut, phase: 'tls', origin: 'limitTo' },
    },
    {
      name: 'fetch that is in time has a deadline and no mark',
      async stage() {
        await (await fetch(`${origin}/`, { signal: AbortSignal.timeout(10_000) })).text();
      },
      client: { ...unmarked, attributes: { 'deadline.source': 'signal' } },
    },
    {
      name: 'body.cancel()',
      async stage() {
        const response = await fetch(`${origin}/body`);
        await loseInterest(body(response), new Error('enough'));
        await server.idle();
      },
      client: { ...bodyCancelled, reason: 'enough', origin: 'loseInterest' },
      server: left,
    },
    {
      name: 'reader.cancel()',
      async stage() {
        const reader = body(await fetch(`${origin}/body`)).getReader();
        await reader.read();
        await loseInterest(reader, 'why');
        await server.idle();
      },
      client: { ...bodyCancelled, reason: 'why', origin: 'loseInterest' },
      server: left,
    },
    {
      name: 'body.cancel() with an error that looks like a failure',
      async stage() {
        const response = await fetch(`${origin}/body`);
        await loseInterest(body(response), Object.assign(new Error('other'), { code: 'E_OTHER' }));
        await server.idle();
      },
      client: { ...bodyCancelled, reason: 'other', origin: 'loseInterest' },
    },
    {
      name: 'break out of for-await',
      async stage() {
        const response = await fetch(`${origin}/body`);
        await readOne(body(response));
        await server.idle();
      },
      client: { ...bodyCancelled, origin: 'readOne' },
      server: left,
    },
    {
      name: 'fetch that is redirected and then aborted',
      async stage() {
        const controller = new AbortController();
        const seen = server.seen('/hang/4');
        const promise = rejection(fetch(`${origin}/redirect/hang/4`, { signal: controller.signal }));
        await seen;
        userLeaves(controller);
        await promise;
        await server.idle();
      },
    },
    ...[
      { status: 408, query: '' },
      { status: 504, query: '' },
      { status: 499, query: '' },
      { status: 499, query: '?close' },
    ].map(
      ({ status, query }): ContractCase => ({
        name: `fetch answered with ${status}${query}`,
        async stage() {
          await (await fetch(`${origin}/status/${status}${query}`)).text();
        },
        client: {
          outcome: status === 499 ? 'context.canceled' : 'deadline_exceeded',
          initiator: 'peer',
          trigger: 'status',
          phase: 'wait',
          origin: null,
          status: 'error',
          attributes: {
            'http.response.status_code': status,
            'error.type': String(status),
            'network.connection.reused_after': query === '',
          },
        },
      }),
    ),
    ...[200, 204, 404, 500].map(
      (status): ContractCase => ({
        name: `fetch answered with ${status} is not marked`,
        async stage() {
          await (await fetch(`${origin}/status/${status}?a=b&sig=c`)).text();
        },
        client: {
          ...unmarked,
          status: status >= 400 ? 'error' : 'unset',
          attributes: {
            'http.request.method': 'GET',
            'http.response.status_code': status,
            'url.path': `/status/${status}`,
            'url.scheme': 'http',
            'server.address': '127.0.0.1',
            'server.port': Number(new URL(origin).port),
            'network.peer.address': '127.0.0.1',
            'network.peer.port': Number(new URL(origin).port),
            'error.type': status >= 400 ? String(status) : undefined,
          },
        },
        server: unmarked,
      }),
    ),
    ...(
      [
        ['an object', { 'Connect-Timeout-Ms': '5000' }],
        ['pairs', [['connect-timeout-ms', '5000']]],
        ['Headers', new Headers({ 'X-Request-Timeout': '60000', 'Connect-Timeout-Ms': '5000' })],
      ] as const
    ).map(
      ([what, headers]): ContractCase => ({
        name: `fetch with a limit in its headers, ${what}`,
        async stage() {
          await (await fetch(`${origin}/`, { headers: headers as HeadersInit })).text();
        },
        client: { ...unmarked, attributes: limitSent },
        server: { ...unmarked, attributes: limitSent },
      }),
    ),
    {
      name: 'fetch with a limit in its headers that is aborted before',
      async stage() {
        const { signal } = new AbortController();
        const headers = { 'Connect-Timeout-Ms': '5000' };
        const controller = new AbortController();
        const seen = server.seen('/hang/limited');
        const request = new Request(`${origin}/hang/limited`, { headers, signal });
        const promise = rejection(fetch(request, { signal: controller.signal }));
        await seen;
        userLeaves(controller);
        await promise;
        await server.idle();
      },
      client: { ...aborted, phase: 'wait', origin: 'userLeaves', attributes: limitSent },
      server: { ...left, attributes: limitSent },
    },
    {
      name: 'fetch with a signal whose limit comes before that in its headers',
      async stage() {
        const headers = { 'grpc-timeout': '5S' };
        await rejection(fetch(`${origin}/hang/limited`, { headers, signal: limitTo(100) }));
        await server.idle();
      },
      client: { ...timedOut, phase: 'wait', origin: 'limitTo' },
      server: { ...left, attributes: { 'deadline.timeout_ms': 5_000, 'deadline.source': 'grpc-timeout' } },
    },
    {
      name: 'fetch with a limit in its headers that breaks the grammar',
      async stage() {
        await (
          await fetch(`${origin}/`, { headers: { 'connect-timeout-ms': '5s', 'timeout-ms': '5s' } })
        ).text();
      },
      client: {
        ...unmarked,
        finding: 'timeout_malformed',
        attributes: { 'deadline.timeout_ms': undefined },
      },
      server: { ...unmarked, finding: 'timeout_malformed' },
    },
    {
      name: 'the body is piped until a signal is aborted',
      async stage() {
        const controller = new AbortController();
        const { signal } = controller;
        const piped = rejection(body(await fetch(`${origin}/body`)).pipeTo(new WritableStream(), { signal }));
        userLeaves(controller);
        await piped;
        await server.idle();
      },
      client: { ...aborted, phase: 'receive', origin: 'userLeaves', reason: /^AbortError: / },
      server: left,
    },
    {
      name: 'the body is piped until a limit has passed',
      async stage() {
        const piped = body(await fetch(`${origin}/body`)).pipeTo(new WritableStream(), {
          signal: limitTo(50),
        });
        await rejection(piped);
        await server.idle();
      },
      client: {
        ...timedOut,
        phase: 'receive',
        origin: 'limitTo',
        attributes: { 'error.type': 'TimeoutError' },
      },
      server: left,
    },
    {
      name: 'HEAD is not marked',
      stage: () => fetch(`${origin}/`, { method: 'HEAD' }),
      client: unmarked,
    },
    {
      name: 'abort() after the end is not marked',
      async stage() {
        const controller = new AbortController();
        await (await fetch(`${origin}/`, { signal: controller.signal })).text();
        controller.abort();
      },
      client: unmarked,
    },
    {
      name: 'the body of an error answer that is cancelled leaves it a failure',
      async stage() {
        const response = await fetch(`${origin}/error/503`);
        if (!response.ok) await loseInterest(body(response), undefined);
        await server.idle();
      },
      client: {
        ...bodyCancelled,
        status: 'error',
        origin: 'loseInterest',
        attributes: { 'http.response.status_code': 503, 'error.type': '503', ...CLOSED },
      },
    },
    {
      name: 'an error answer that is aborted stays a failure',
      async stage() {
        const controller = new AbortController();
        const response = await fetch(`${origin}/error/404`, { signal: controller.signal });
        userLeaves(controller, new TypeError('not found'));
        await rejection(response.text());
        await server.idle();
      },
      client: {
        ...aborted,
        phase: 'receive',
        status: 'error',
        origin: 'userLeaves',
        attributes: { 'http.response.status_code': 404, 'error.type': '404', ...CLOSED },
      },
    },
    {
      name: 'an error answer that takes too long stays a failure',
      async stage() {
        const response = await fetch(`${origin}/error/500`, { signal: limitTo(100) });
        await rejection(response.text());
        await server.idle();
      },
      client: {
        ...timedOut,
        phase: 'receive',
        origin: 'limitTo',
        attributes: { 'http.response.status_code': 500, 'error.type': '500', ...CLOSED },
      },
    },
    ...['rst', 'fin', 'cut'].map(
      (word): ContractCase => ({
        name: `a connection that the server breaks is not marked (${word})`,
        async stage() {
          await rejection(fetch(`${origin}/${word}`).then((response) => response.text()));
        },
        client: { ...unmarked, status: 'error' },
      }),
    ),
    {
      name: 'a refused connection is not marked',
      stage: () => rejection(fetch(`${server.refusedOrigin}/`)),
      client: { ...unmarked, status: 'error' },
    },
  ];
  return cases.map((one) => ({ ...one, name: `${name}: ${one.name}` }));
}

export function userLeaves(controller: AbortController, ...reason: unknown[]): void {
  controller.abort(...reason);
}

export function limitTo(ms: number): AbortSignal {
  return AbortSignal.timeout(ms);
}

async function loseInterest(
  body: { cancel(reason: unknown): Promise<void> },
  reason: unknown,
): Promise<void> {
  await body.cancel(reason);
}

async function readOne(body: ReadableStream<Uint8Array>): Promise<void> {
  for await (const _ of body) break;
}

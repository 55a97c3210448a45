/** What a job fails with when its signal or limit has ended it: an error that a library has made of that, and others that look like one. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import axios, { AxiosError, CanceledError } from 'axios';
import got from 'got';
import ky from 'ky';
import nodeFetch from 'node-fetch';
import pTimeout from 'p-timeout';
import { Agent, request, fetch as undiciFetch } from 'undici7';
import { Telemetry } from '../support/telemetry.ts';

const LIMIT_MS = 60;
/** Of undici, whose timers are coarse. */
const ANSWERS_AFTER_MS = 2_500;

const telemetry = new Telemetry('alone');
const { closeServers, serve } = await import('../integrations/http/chain.ts');

const port = await serve(({ url }, response) => {
  if (url === '/refused') response.writeHead(500).end();
  else setTimeout(() => response.end('sofa'), ANSWERS_AFTER_MS).unref();
});
const url = `http://127.0.0.1:${port}/`;
const refused = `${url}refused`;

function withdrawn(): AbortSignal {
  const controller = new AbortController();
  setTimeout(function withdraw() {
    controller.abort();
  }, LIMIT_MS);
  return controller.signal;
}

function forLong(): Promise<unknown> {
  return delay(5_000, undefined, { ref: false });
}

const noRetry = { retry: { limit: 0 } };

type Job = () => Promise<unknown>;

/** Told as a missed limit, as one of the request, or as an abort. */
const MISSED = 'deadline_exceeded signal_timeout';
const TOO_LATE = 'deadline_exceeded timeout';
const ABORTED = 'context.canceled abort';

const ended: readonly (readonly [title: string, told: string, job: Job])[] = [
  ['axios, an abort', ABORTED, () => axios.get(url, { signal: withdrawn() })],
  ['axios, a timeout signal', MISSED, () => axios.get(url, { signal: AbortSignal.timeout(LIMIT_MS) })],
  ['axios, its timeout', TOO_LATE, () => axios.get(url, { timeout: LIMIT_MS })],
  ['got, an abort', ABORTED, () => got(url, { signal: withdrawn(), ...noRetry })],
  ['got, its timeout', TOO_LATE, () => got(url, { timeout: { request: LIMIT_MS }, ...noRetry })],
  ['ky, an abort', ABORTED, () => ky(url, { signal: withdrawn(), retry: 0 }).text()],
  ['ky, its timeout', MISSED, () => ky(url, { timeout: LIMIT_MS, retry: 0 }).text()],
  ['node-fetch, an abort', ABORTED, () => nodeFetch(url, { signal: withdrawn() })],
  ['p-timeout, an abort', ABORTED, () => pTimeout(forLong(), { milliseconds: 4_000, signal: withdrawn() })],
  ['undici, an abort', ABORTED, () => request(url, { signal: withdrawn() })],
  ['undici, its timeout', TOO_LATE, () => request(url, { headersTimeout: LIMIT_MS })],
  [
    'fetch of undici, its timeout',
    TOO_LATE,
    () => undiciFetch(url, { dispatcher: new Agent({ headersTimeout: LIMIT_MS }) }),
  ],
  ['an own error, by a listener of the signal', ABORTED, rejectedByListener],
];

async function rejectedByListener(): Promise<void> {
  const signal = withdrawn();
  void axios.get(url, { signal }).catch(() => {});
  await new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('the order was withdrawn')));
  });
}

/** A part that is ended by its limit, with which the job copes. */
async function cope(): Promise<void> {
  await axios.get(url, { signal: AbortSignal.timeout(LIMIT_MS) }).catch(() => {});
}

const failed: readonly (readonly [title: string, job: Job])[] = [
  [
    'CanceledError, made by hand',
    async () => {
      await cope();
      throw new CanceledError('canceled');
    },
  ],
  [
    'TimeoutError and AbortError, made by hand',
    async () => {
      await cope();
      throw Object.assign(new Error('too late'), { name: 'TimeoutError', code: 'ETIMEDOUT' });
    },
  ],
  [
    'an own error, with the abort as its cause',
    () =>
      axios.get(url, { signal: withdrawn() }).catch((cause: Error) => {
        throw new Error('no carrier', { cause });
      }),
  ],
  [
    'an own AxiosError of it',
    () =>
      axios.get(url, { timeout: LIMIT_MS }).catch((cause: Error) => {
        throw AxiosError.from(new Error('no carrier', { cause }), 'ECONNABORTED');
      }),
  ],
  [
    'an answer of 500, after which the other request is aborted',
    async () => {
      const others = new AbortController();
      const other = axios.get(url, { signal: others.signal }).catch(() => {});
      try {
        await axios.get(refused);
      } catch (error) {
        others.abort();
        await other;
        throw error;
      }
    },
  ],
  [
    'an answer of 500, which is told once the other request has missed its limit',
    async () => {
      const both = [axios.get(refused), axios.get(url, { signal: AbortSignal.timeout(LIMIT_MS) })];
      const [first] = await Promise.allSettled(both);
      throw first?.status === 'rejected' ? first.reason : undefined;
    },
  ],
  [
    'an error that the application has destroyed its request with',
    async () => {
      const { get } = await import('node:http');
      const outgoing = get(url, { agent: false });
      setTimeout(() => outgoing.destroy(new Error('not the answer that I want')), LIMIT_MS);
      const [error] = await once(outgoing, 'error').catch((thrown) => [thrown]);
      throw error;
    },
  ],
  ['p-timeout, its own timer', () => pTimeout(forLong(), { milliseconds: LIMIT_MS })],
];

const tracer = trace.getTracer('a-queue');

async function run(title: string, job: Job): Promise<ReadableSpan> {
  return await tracer.startActiveSpan(title, { kind: SpanKind.CONSUMER }, ROOT_CONTEXT, async (span) => {
    try {
      await job();
    } catch (error) {
      span.recordException(error as Error);
      span.setStatus({ code: SpanStatusCode.ERROR });
    }
    span.end();
    return span as unknown as ReadableSpan;
  });
}

function toldOf({ attributes }: ReadableSpan): string {
  const outcome = ['context.canceled', 'deadline_exceeded'].filter((key) => attributes[key] === true);
  return [...outcome, attributes['cancel.trigger'] ?? 'nothing'].join(' ');
}

describe('a job fails with', () => {
  const spans = new Map<string, ReadableSpan>();
  before(async () => {
    const jobs = [...ended.map(([title, , job]) => [title, job] as const), ...failed];
    await Promise.all(jobs.map(async ([title, job]) => spans.set(title, await run(title, job))));
  });
  after(closeServers);

  for (const [title, told] of ended) {
    it(`${title}: it was ended by that`, () => {
      const span = spans.get(title);
      assert.ok(span);
      assert.equal(span.status.code, SpanStatusCode.ERROR);
      assert.equal(toldOf(span), told);
      if (told === ABORTED) assert.match(String(span.attributes['cancel.origin']), /withdraw .*job-errors/);
    });
  }

  for (const [title] of failed) {
    it(`${title}: it failed`, () => {
      const span = spans.get(title);
      assert.ok(span);
      assert.equal(span.status.code, SpanStatusCode.ERROR);
      assert.equal(toldOf(span), 'nothing');
    });
  }

  it('and nothing of ours has', () => {
    assert.deepEqual(telemetry.diagnostics, []);
  });
});

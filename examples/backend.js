// Chooses where the demo's spans go, and how they are read back.
import { setTimeout as sleep } from 'node:timers/promises';
import { PACKAGE_VERSION, SpanStore, startReceiving } from '../dist/cli/parts.js';
import { findJaeger, readSpans, searchLink } from './jaeger.js';

/**
 * A Jaeger, if one runs; else the receiver of `cancel-trace` in this process, which passes everything on to the endpoint
 * that the environment names, if it names one. In either case there is the page of `cancel-trace`.
 *
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<{ name: string, endpoint: string, links: string[], pageUrl: string,
 *   collect: () => Promise<import('../dist/cli/parts.js').ExportedSpan[]>,
 *   finish: () => Promise<void>, close: () => Promise<void> }>}
 *   `endpoint` is `pageUrl` where spans come to the page at once. `finish` waits until they have arrived.
 */
export async function chooseBackend(env) {
  const named = env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || env.OTEL_EXPORTER_OTLP_ENDPOINT;
  if (named && !URL.canParse(named)) throw new Error(`the OTLP endpoint ${named} is not a URL`);
  const endpoint = named ?? 'http://127.0.0.1:4318';
  const queryUrl = await findJaeger(endpoint);
  if (queryUrl) return useJaeger(new URL(endpoint).origin, queryUrl);
  if (named) return useReceiverAndForward(tracesUrl(env), headersOf(env));
  return useReceiver();
}

/** The environment variable for traces is taken as it is; the general one is a base. */
function tracesUrl(env) {
  if (env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) return env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT;
  return `${env.OTEL_EXPORTER_OTLP_ENDPOINT.replace(/\/$/, '')}/v1/traces`;
}

/** `key=value,key=value`, percent-encoded. */
function headersOf(env) {
  const text = env.OTEL_EXPORTER_OTLP_TRACES_HEADERS || env.OTEL_EXPORTER_OTLP_HEADERS || '';
  const pairs = text.split(',').map((pair) => /^\s*([^=]+?)\s*=\s*(.*?)\s*$/.exec(pair));
  return Object.fromEntries(pairs.filter(Boolean).map(([, key, value]) => [key, decodeURIComponent(value)]));
}

async function startDesk({ jaegerUrl, passOn } = {}) {
  const store = new SpanStore();
  const { url, close } = await startReceiving({
    store,
    info: {
      version: PACKAGE_VERSION,
      cwd: process.cwd(),
      source: 'npm run demo',
      editorUrl: undefined,
      jaegerUrl,
    },
    host: '127.0.0.1',
    httpPort: { number: 0, isFlexible: false },
    grpcPort: undefined,
    keepFile: undefined,
    passOn,
  });
  return { url, close, store, all: () => store.traces().flatMap(({ spans }) => spans) };
}

async function useJaeger(endpoint, queryUrl) {
  const sinceMs = Date.now();
  const service = 'gateway';
  const desk = await startDesk({ jaegerUrl: queryUrl });
  return {
    name: `Jaeger at ${endpoint}`,
    endpoint,
    links: ['context.canceled', 'deadline_exceeded'].map((attribute) =>
      searchLink(queryUrl, { service, attribute }),
    ),
    pageUrl: desk.url,
    /** Jaeger stores in the background: reads until two answers in a row have the same spans. */
    async collect() {
      let spans = [];
      for (let attempt = 0; attempt < 10; attempt++) {
        const newest = await readSpans(queryUrl, { service, sinceMs });
        if (newest.length > 0 && newest.length === spans.length) break;
        spans = newest;
        await sleep(300);
      }
      desk.store.add(spans);
      return spans;
    },
    async finish() {},
    close: desk.close,
  };
}

async function useReceiver() {
  const desk = await startDesk();
  return {
    name: 'a receiver in this process (no Jaeger on 127.0.0.1:4318)',
    endpoint: desk.url,
    links: [],
    pageUrl: desk.url,
    collect: async () => desk.all(),
    async finish() {},
    close: desk.close,
  };
}

/** A tee: an endpoint that only takes spans cannot tell whether any cancelled one was among them. */
async function useReceiverAndForward(url, headers) {
  const exports = [];
  const desk = await startDesk({ passOn: (request) => exports.push(forward(url, headers, request)) });
  return {
    name: `${url}, through a receiver in this process`,
    endpoint: desk.url,
    links: [],
    pageUrl: desk.url,
    collect: async () => desk.all(),
    async finish() {
      const failures = (await Promise.all(exports)).filter(Boolean);
      if (failures.length > 0) throw new Error(`could not export to ${url}: ${failures[0]}`);
      console.log(`Exported to ${url}.`);
    },
    close: desk.close,
  };
}

/** Returns what went wrong, if anything did. */
async function forward(url, headers, request) {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify(request),
      signal: AbortSignal.timeout(5000),
    });
    return response.ok ? undefined : `it answered ${response.status}`;
  } catch (error) {
    return error.cause?.message || error.message;
  }
}

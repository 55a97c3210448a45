// Chooses where the demo's spans go, and how they are read back.
import { setTimeout as sleep } from 'node:timers/promises';
import { findJaeger, readSpans, searchLink } from './jaeger.js';
import { startReceiver } from './receiver.js';

/**
 * A Jaeger, if one runs; else a receiver in this process, which passes everything on to the endpoint
 * that the environment names, if it names one.
 *
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<{ name: string, endpoint: string, links: string[],
 *   collect: () => Promise<import('./receiver.js').Span[]>, close: () => Promise<void> }>}
 */
export async function chooseBackend(env) {
  const named = env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || env.OTEL_EXPORTER_OTLP_ENDPOINT;
  if (named && !URL.canParse(named)) throw new Error(`the OTLP endpoint ${named} is not a URL`);
  const endpoint = named ?? 'http://127.0.0.1:4318';
  const queryUrl = await findJaeger(endpoint);
  if (queryUrl) return useJaeger(new URL(endpoint).origin, queryUrl);
  if (named) return useReceiverAndForward(tracesUrl(env));
  return useReceiver();
}

/** The environment variable for traces is taken as it is; the general one is a base. */
function tracesUrl(env) {
  if (env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) return env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT;
  return `${env.OTEL_EXPORTER_OTLP_ENDPOINT.replace(/\/$/, '')}/v1/traces`;
}

function useJaeger(endpoint, queryUrl) {
  const sinceMs = Date.now();
  const service = 'gateway';
  return {
    name: `Jaeger at ${endpoint}`,
    endpoint,
    links: ['context.canceled', 'deadline_exceeded'].map((attribute) =>
      searchLink(queryUrl, { service, attribute }),
    ),
    /** Jaeger stores in the background: reads until two answers in a row have the same spans. */
    async collect() {
      let spans = [];
      for (let attempt = 0; attempt < 10; attempt++) {
        const newest = await readSpans(queryUrl, { service, sinceMs });
        if (newest.length > 0 && newest.length === spans.length) break;
        spans = newest;
        await sleep(300);
      }
      return spans;
    },
    async close() {},
  };
}

async function useReceiver() {
  const receiver = await startReceiver();
  return {
    name: 'a receiver in this process (no Jaeger on 127.0.0.1:4318)',
    endpoint: receiver.url,
    links: [],
    collect: async () => receiver.spans,
    close: receiver.close,
  };
}

/** A tee: an endpoint that only takes spans cannot tell whether any cancelled one was among them. */
async function useReceiverAndForward(url) {
  const exports = [];
  const receiver = await startReceiver({
    forward: (headers, body) => exports.push(forward(url, headers, body)),
  });
  return {
    name: `${url}, through a receiver in this process`,
    endpoint: receiver.url,
    links: [],
    collect: async () => receiver.spans,
    async close() {
      await receiver.close();
      const failures = (await Promise.all(exports)).filter(Boolean);
      if (failures.length > 0) throw new Error(`could not export to ${url}: ${failures[0]}`);
      console.log(`Exported to ${url}.`);
    },
  };
}

/** Returns what went wrong, if anything did. */
async function forward(url, { host, connection, 'content-length': length, ...headers }, body) {
  delete headers['transfer-encoding']; // About the connection, like the three above; fetch sets its own.
  try {
    const options = { method: 'POST', headers, body, signal: AbortSignal.timeout(5000) };
    const response = await fetch(url, options);
    return response.ok ? undefined : `it answered ${response.status}`;
  } catch (error) {
    return error.cause?.message || error.message;
  }
}

import type { RuleTester } from 'eslint';
import type { RuleCases } from './cases.ts';

/** @param output what the suggestion makes of it, if there is one */
function missed(code: string, caller: string, output?: string): RuleTester.InvalidTestCase {
  const messageId = output === undefined && /^(req|request|ctx)$/.test(caller) ? 'request' : 'signal';
  const suggestions = output === undefined ? [] : [{ messageId: 'pass', data: { caller }, output }];
  return { code, errors: [{ messageId, suggestions }] };
}

const express = "import express from 'express'; const app = express();\n";

export const passSignal: RuleCases = {
  rule: 'pass-signal',
  js: {
    valid: [
      'async function load(url, { signal }) { return await fetch(url, { signal }); }',
      'async function load(url, { signal }) { return await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(100)]) }); }',
      // Nobody is in reach.
      'async function load(url) { return await fetch(url); }',
      'const { signal } = new AbortController(); fetch(url);',
      // What cannot be seen.
      'async function load(url, { signal, ...init }) { return await fetch(url, init); }',
      'async function load(url, init, { signal }) { return await fetch(url, { ...init, method: "POST" }); }',
      'async function load(url, { signal }) { const init = {}; init.signal = signal; return await fetch(url, init); }',
      'async function load(url, { signal }) { const init = {}; prepare(init, signal); return await fetch(url, init); }',
      'async function load({ signal }, ...args) { return await fetch(...args); }',
      'async function load({ signal }) { const request = new Request("http://a", { signal }); return await fetch(request); }',
      'async function load(input, { signal }) { return await fetch(input); }',
      // Signals of the operating system.
      "process.on('SIGTERM', async (signal) => { console.log(signal); await fetch('http://a/leave'); });",
      "child.on('exit', async ({ code, signal }) => { await fetch('http://a/ended'); });",
      // Somebody else looks at it.
      'async function load(url, { signal }) { return await retry(() => fetch(url), { signal }); }',
      "async function load(url, { signal }) { signal.addEventListener('abort', () => stop()); return await fetch(url); }",
      // Kept for later: nobody waits.
      'function start(url, { signal }) { signal.throwIfAborted(); setInterval(() => { fetch(url).then(show); }, 1000); }',
      'async function load(url, { signal }) { emitter.on("more", async () => { await fetch(url); }); }',
      'async function load(url, { signal }) { return await detached(() => fetch(url)); }',
      // Left to itself.
      'async function load(url, { signal }) { fetch(url).catch(() => {}); }',
      'async function load(url, { signal }) { void fetch(url); }',
      'async function load(url, { signal }) { context.waitUntil(fetch(url)); }',
      // Tidies up.
      'async function load(url, { signal }) { try { await use(signal); } finally { await fetch(url); } }',
      'async function load(url, { signal }) { try { await use(signal); } catch { await fetch(url); } }',
      // Not the one of the platform.
      "import { fetch } from './own.js'; async function load(url, { signal }) { return await fetch(url); }",
      'async function load(url, fetch, { signal }) { return await fetch(url); }',
      // axios has two ways, and instances of its own.
      "import axios from 'axios'; async function load(url, { signal }, token) { return await axios.get(url, { cancelToken: token }); }",
      "import axios from 'axios'; async function load(url, { signal }) { return await axios({ url, signal }); }",
      "import axios from 'axios'; async function load(body, { signal }) { return await axios.post('/a', body, { signal }); }",
      // Read to its end whoever leaves, as it says itself.
      "import { streamText } from 'ai'; async function answer(prompt, { abortSignal }) { const result = streamText({ prompt }); result.consumeStream(); return result.stream; }",
      // Handlers.
      `${express}app.get('/', async (req, res) => { const answer = await fetch(url, { signal: signalOf(req) }); res.json(answer); });`,
      `${express}app.get('/', async (req, res) => { const controller = new AbortController(); res.on('close', () => controller.abort()); res.json(await fetch(url, controller)); });`,
      // What changes something may have to be finished.
      `${express}app.post('/', async (req, res) => { res.json(await fetch(url, { method: 'POST' })); });`,
      // Already answered.
      `${express}app.post('/', async (req, res) => { res.sendStatus(202); await fetch(url); });`,
      // Bounded.
      `${express}import axios from 'axios'; app.get('/', async (req, res) => { res.json(await axios.get(url, { timeout: 500 })); });`,
      // Tells of errors.
      `${express}app.use(async (error, req, res, next) => { await fetch(url); next(error); });`,
      "app.get('/', async (req, res) => { res.json(await fetch(url)); });",
      "export async function GET(request) { return await fetch('http://a'); }",
    ],
    invalid: [
      missed(
        'async function load(url, { signal }) { return await fetch(url); }',
        'signal',
        'async function load(url, { signal }) { return await fetch(url, { signal }); }',
      ),
      missed(
        'async function load(url, { abortSignal } = {}) { return await fetch("http://a/" + url, { method: "POST" }); }',
        'abortSignal',
        'async function load(url, { abortSignal } = {}) { return await fetch("http://a/" + url, { method: "POST", signal: abortSignal }); }',
      ),
      missed(
        'async function load(url, signal) { signal.throwIfAborted(); const answer = await fetch(url, {}); return answer; }',
        'signal',
        'async function load(url, signal) { signal.throwIfAborted(); const answer = await fetch(url, { signal }); return answer; }',
      ),
      missed(
        'async function load(url, options) { options.signal?.throwIfAborted(); return fetch(url).then((answer) => answer.json()); }',
        'options.signal',
        'async function load(url, options) { options.signal?.throwIfAborted(); return fetch(url, { signal: options.signal }).then((answer) => answer.json()); }',
      ),
      missed(
        'async function load(urls, { signal }) { return await Promise.all(urls.map((url) => fetch(url))); }',
        'signal',
        'async function load(urls, { signal }) { return await Promise.all(urls.map((url) => fetch(url, { signal }))); }',
      ),
      missed(
        'async function load(url, { signal }) { return await retry(() => fetch(url)); }',
        'signal',
        'async function load(url, { signal }) { return await retry(() => fetch(url, { signal })); }',
      ),
      missed(
        'async function load(url, { signal }) { const init = { method: "PUT" }; return await fetch(url, init); }',
        'signal',
        undefined,
      ),
      missed(
        "const { request } = require('undici'); async function load(url, { signal }) { const { body } = await request(url); return body; }",
        'signal',
        "const { request } = require('undici'); async function load(url, { signal }) { const { body } = await request(url, { signal }); return body; }",
      ),
      missed(
        "import https from 'node:https'; function load(url, { signal }) { https.get(url, (response) => response.resume()); }",
        'signal',
      ),
      missed(
        "import axios from 'axios'; const api = axios.create({ baseURL: 'http://a' }); async function save(body, { signal }) { await api.post('/b', body); }",
        'signal',
        "import axios from 'axios'; const api = axios.create({ baseURL: 'http://a' }); async function save(body, { signal }) { await api.post('/b', body, { signal }); }",
      ),
      missed(
        "import axios from 'axios'; async function save(url, { signal }) { await axios({ url }); }",
        'signal',
        "import axios from 'axios'; async function save(url, { signal }) { await axios({ url, signal }); }",
      ),
      missed(
        "import got from 'got'; const api = got.extend({}); const load = async (url, { signal }) => await api.get(url).json();",
        'signal',
        "import got from 'got'; const api = got.extend({}); const load = async (url, { signal }) => await api.get(url, { signal }).json();",
      ),
      missed(
        "import ky from 'ky'; class Api { api = ky.create({}); async load(url, { signal }) { return await this.api(url).json(); } }",
        'signal',
        "import ky from 'ky'; class Api { api = ky.create({}); async load(url, { signal }) { return await this.api(url, { signal }).json(); } }",
      ),
      missed(
        "import OpenAI from 'openai'; const openai = new OpenAI(); async function ask(messages, { signal }) { return await openai.chat.completions.create({ messages }); }",
        'signal',
        "import OpenAI from 'openai'; const openai = new OpenAI(); async function ask(messages, { signal }) { return await openai.chat.completions.create({ messages }, { signal }); }",
      ),
      missed(
        "import { streamText } from 'ai'; async function ask(prompt, { signal }) { return await streamText({ prompt }); }",
        'signal',
        "import { streamText } from 'ai'; async function ask(prompt, { signal }) { return await streamText({ prompt, abortSignal: signal }); }",
      ),
      missed(`${express}app.get('/', async (req, res) => { res.json(await fetch(url)); });`, 'req'),
      missed(
        `const { Router } = require('express'); const routes = Router(); routes.get('/', async (req, res) => { const answer = await fetch(url); res.json(answer); });`,
        'req',
      ),
      missed(
        "import Fastify from 'fastify'; const app = Fastify({}); app.get('/', async (request) => await fetch(url));",
        'request',
      ),
      missed(
        "module.exports = async function routes(fastify) { fastify.get('/', async (request) => await fetch(url)); };",
        'request',
      ),
      missed(
        "const Koa = require('koa'); const app = new Koa(); app.use(async (ctx) => { ctx.body = await fetch(url); });",
        'ctx',
      ),
      missed(
        "import { Hono } from 'hono'; const app = new Hono(); app.get('/', async (c) => c.json(await fetch(url)));",
        'c.req.raw.signal',
        "import { Hono } from 'hono'; const app = new Hono(); app.get('/', async (c) => c.json(await fetch(url, { signal: c.req.raw.signal })));",
      ),
      {
        ...missed(
          "export async function GET(request) { return await fetch('http://a'); }",
          'request.signal',
          "export async function GET(request) { return await fetch('http://a', { signal: request.signal }); }",
        ),
        filename: 'app/api/stock/route.js',
      },
    ],
  },
  ts: {
    valid: [
      'export async function load(url: string, signal: string) { console.log(signal); return await fetch(url); }',
      'export async function load(url: string, { signal }: { signal: NodeJS.Signals }) { return await fetch(url); }',
      'export async function load(input: URL | Request, signal: AbortSignal) { return await fetch(input); }',
    ],
    invalid: [
      missed(
        'export async function load(url: string, stop: AbortSignal) { return await fetch(url); }',
        'stop',
        'export async function load(url: string, stop: AbortSignal) { return await fetch(url, { signal: stop }); }',
      ),
      missed(
        'export async function load(url: string, options?: { signal?: AbortSignal }) { return await fetch(url); }',
        'options?.signal',
        'export async function load(url: string, options?: { signal?: AbortSignal }) { return await fetch(url, { signal: options?.signal }); }',
      ),
      missed(
        "export async function load(place: URL, request: Request) { return await fetch(place, { method: 'POST' }); }",
        'request.signal',
        "export async function load(place: URL, request: Request) { return await fetch(place, { method: 'POST', signal: request.signal }); }",
      ),
      missed(
        "import type { AxiosInstance } from 'axios'; export class Api { constructor(private readonly api: AxiosInstance) {} async load(signal: AbortSignal) { return await this.api.get('/a'); } }",
        'signal',
        "import type { AxiosInstance } from 'axios'; export class Api { constructor(private readonly api: AxiosInstance) {} async load(signal: AbortSignal) { return await this.api.get('/a', { signal }); } }",
      ),
      missed(
        "import type { Request, Response } from 'express'; export async function show(req: Request<{ id: string }>, res: Response) { res.json(await fetch('http://a')); }",
        'req',
      ),
      // Since 5.8 it has one.
      missed(
        "import type { FastifyRequest } from 'fastify'; export async function show(request: FastifyRequest) { return await fetch('http://a'); }",
        'request.signal',
        "import type { FastifyRequest } from 'fastify'; export async function show(request: FastifyRequest) { return await fetch('http://a', { signal: request.signal }); }",
      ),
    ],
  },
};

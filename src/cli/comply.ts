/** The command `comply`: what a server does with clients that leave and with limits, seen from outside. */
import { readFileSync } from 'node:fs';
import { CallbackServer } from '../comply/callback.ts';
import { type Examination, examine, mostRequests } from '../comply/examination.ts';
import { encodeJson, framed } from '../comply/grpc-message.ts';
import { LIMIT_HEADERS } from '../comply/limit-values.ts';
import type { Target } from '../comply/target.ts';
import { UserError } from '../spans/user-error.ts';
import {
  type Arguments,
  type Command,
  type Output,
  type Result,
  suggestionFor,
  UsageError,
} from './arguments.ts';
import { COMMAND_NAME } from './command-name.ts';
import { sarifOfComplied } from './comply-sarif.ts';
import { type Complied, drawComplied, markdownOfComplied } from './comply-text.ts';
import { Progress } from './progress.ts';
import { writeInto } from './report/destinations.ts';
import { isColoured } from './terminal.ts';

const DEFAULT_HOLD_MS = 1_500;

const USAGE = `usage: ${COMMAND_NAME} comply [options] <url|host:port>

What a server, in whatever language, does when its client leaves, with limits in headers, and with limits that make no sense. Asked from
outside, over HTTP/1.1, HTTP/2 or gRPC: one request after the other, at most 39 in all (9 for HTTP with one --deadline-header, 14 for gRPC,
one more with --enforced), to this address alone. Redirects are not followed.

  url              of an operation that succeeds, and that takes longer than 0.2 s, best 2 s: https://localhost:8443/slow
  --path PATH      in its place
  --method NAME    of HTTP (default GET), or of gRPC: package.Service/Method
  --http2          HTTP/2, also without TLS
  --header LINE    with each request: 'authorization: Bearer …'; several are separated by line breaks
  --data TEXT      body; of gRPC, with --proto, as JSON
  --data-hex HEX   body, byte by byte; of gRPC the message (default an empty one)
  --proto FILE     encodes --data, by the @grpc/proto-loader of this folder
  --deadline-header NAMES
                   only these (default ${LIMIT_HEADERS.join(', ')}; of gRPC grpc-timeout)
  --enforced       a request without a limit, or with one that makes no sense, has to be refused with 400 or INVALID_ARGUMENT
  --callback-param NAME, --callback-header NAME
                   tells the server, in a query parameter or header of this name, the URL of a server of this command, which it
                   is to call: shows whether it passes on limits, and what it does for a client that has left
  --callback-host HOST, --callback-port PORT
                   where that listens (default 127.0.0.1, a free port)
  --hold MS        how long a call of it waits for its answer (default ${DEFAULT_HOLD_MS})
  --ca FILE        PEM of who has signed the server's certificate
  --insecure       takes any certificate
  --json, --markdown
  --sarif FILE     writes what fails for code scanning as well

Exits with 0 when nothing fails, with 1 when something does, with 2 when the server cannot be asked. What cannot be seen from outside
is said to be so, and fails nothing.

  ${COMMAND_NAME} comply http://localhost:8080/slow --callback-param callback
  ${COMMAND_NAME} comply localhost:50051 --method shop.Orders/EstimateDelivery --callback-header callback
`;

export const complyCommand: Command = {
  name: 'comply',
  summary: 'asks a server, in whatever language, what it does with clients that leave and with limits',
  usage: USAGE,
  options: {
    path: { type: 'string' },
    method: { type: 'string' },
    http2: { type: 'boolean' },
    header: { type: 'string' },
    data: { type: 'string' },
    'data-hex': { type: 'string' },
    proto: { type: 'string' },
    'deadline-header': { type: 'string' },
    enforced: { type: 'boolean' },
    'callback-param': { type: 'string' },
    'callback-header': { type: 'string' },
    'callback-host': { type: 'string' },
    'callback-port': { type: 'string' },
    hold: { type: 'string' },
    ca: { type: 'string' },
    insecure: { type: 'boolean' },
    json: { type: 'boolean' },
    markdown: { type: 'boolean' },
    sarif: { type: 'string' },
  },
  run: comply,
};

async function comply(args: Arguments, { stdout, stderr }: Output): Promise<Result> {
  const { values, flags } = args;
  const target = targetIn(args);
  const limitHeaders = limitHeadersIn(args, target);
  const callbackParam = values.get('callback-param');
  const callbackHeader = values.get('callback-header')?.toLowerCase();
  if (callbackParam !== undefined && target.protocol === 'grpc')
    throw new UsageError('--callback-param is for HTTP: gRPC has --callback-header');
  const holdMs = numberIn(args, 'hold', DEFAULT_HOLD_MS, 60_000);
  const port = numberIn(args, 'callback-port', 0, 65_535);
  const isCalled = callbackParam !== undefined || callbackHeader !== undefined;
  const host = values.get('callback-host') ?? '127.0.0.1';
  const callback = isCalled ? await CallbackServer.start(host, port) : undefined;
  const asked = { target, limitHeaders, isEnforced: flags.has('enforced') };
  const most = mostRequests(asked);
  const progress = new Progress(stderr);
  const startMs = performance.now();
  try {
    const examination = await examine({
      ...asked,
      callback,
      callbackParam,
      callbackHeader,
      holdMs,
      onRequest: (count) => progress.asked(count, most),
    });
    progress.end();
    const complied = compliedOf(examination, target, { most, tookMs: performance.now() - startMs });
    const file = values.get('sarif');
    if (file !== undefined) await writeInto(file, sarifOfComplied(complied));
    return resultOf(complied, flags, isColoured(stdout));
  } finally {
    progress.end();
    callback?.close();
  }
}

function compliedOf(
  examination: Examination,
  { url, protocol, method, path }: Target,
  took: { readonly most: number; readonly tookMs: number },
): Complied {
  const operation = protocol === 'grpc' ? path.slice(1) : `${method} ${path}`;
  return { address: url.origin, operation, protocol, ...examination, ...took };
}

function resultOf(complied: Complied, flags: ReadonlySet<string>, isColoured: boolean): Result {
  const exitCode = complied.checks.some(({ verdict }) => verdict === 'fail') ? 1 : 0;
  if (flags.has('json')) return { text: `${JSON.stringify(complied, undefined, 2)}\n`, exitCode };
  if (flags.has('markdown')) return { text: markdownOfComplied(complied), exitCode };
  return { text: drawComplied(complied, isColoured), exitCode };
}

function targetIn({ positionals, values, flags }: Arguments): Target {
  const [address, ...others] = positionals;
  if (address === undefined) throw new UsageError('comply needs the address of a server');
  if (others.length > 0) throw new UsageError(`comply takes one address, but has ${positionals.join(' ')}`);
  const url = urlOf(address);
  const method = values.get('method') ?? 'GET';
  const isGrpc = method.includes('/');
  const path = isGrpc
    ? `/${method.replace(/^\//, '')}`
    : (values.get('path') ?? `${url.pathname}${url.search}`);
  if (!path.startsWith('/')) throw new UsageError(`--path must begin with /, but is ${path}`);
  const data = bodyIn(values, isGrpc ? path.slice(1) : undefined);
  const ca = values.get('ca');
  return {
    url,
    protocol: isGrpc ? 'grpc' : flags.has('http2') ? 'http2' : 'http1',
    method,
    path,
    headers: headersIn(values.get('header')),
    body: isGrpc ? framed(data ?? Buffer.alloc(0)) : data,
    ca: ca === undefined ? undefined : read(ca),
    isInsecure: flags.has('insecure'),
  };
}

function urlOf(address: string): URL {
  const text = address.includes('://') ? address : `http://${address}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '')
    throw new UsageError(`${address} is no address of HTTP: http://host:port/path, https://…, or host:port`);
  return url;
}

/** @param grpcMethod undefined: HTTP */
function bodyIn(values: ReadonlyMap<string, string>, grpcMethod: string | undefined): Buffer | undefined {
  const [text, hex, proto] = ['data', 'data-hex', 'proto'].map((name) => values.get(name));
  if (hex !== undefined) {
    if (!/^([\da-f]{2})*$/i.test(hex))
      throw new UsageError(`--data-hex must be pairs of hex digits, but is ${hex}`);
    return Buffer.from(hex, 'hex');
  }
  if (grpcMethod === undefined) return text === undefined ? undefined : Buffer.from(text);
  if (proto !== undefined) return encodeJson(proto, grpcMethod, text ?? '{}');
  if (text !== undefined)
    throw new UsageError('--data of gRPC is JSON, and needs --proto; --data-hex does not');
  return undefined;
}

function headersIn(lines: string | undefined): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const line of lines?.split('\n') ?? []) {
    const [, name, value] = /^\s*([!#$%&'*+.^_`|~\w-]+):\s*(.*?)\s*$/.exec(line) ?? [];
    if (name === undefined || value === undefined)
      throw new UsageError(`--header must be name: value, but is ${line}`);
    headers[name.toLowerCase()] = value;
  }
  return headers;
}

function limitHeadersIn({ values }: Arguments, { protocol }: Target): readonly string[] {
  const named = values.get('deadline-header');
  if (protocol === 'grpc') {
    if (named !== undefined) throw new UsageError('--deadline-header is for HTTP: gRPC has grpc-timeout');
    return ['grpc-timeout'];
  }
  if (named === undefined) return LIMIT_HEADERS;
  const names = named.split(',').map((name) => name.trim().toLowerCase());
  for (const name of names)
    if (!LIMIT_HEADERS.includes(name))
      throw new UsageError(`--deadline-header: no known header ${name}${suggestionFor(name, LIMIT_HEADERS)}`);
  return names;
}

function numberIn({ values }: Arguments, name: string, byDefault: number, most: number): number {
  const text = values.get(name) ?? String(byDefault);
  if (!/^\d{1,9}$/.test(text) || Number(text) > most)
    throw new UsageError(`--${name} must be a number up to ${most}, but is ${text}`);
  return Number(text);
}

function read(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new UserError(`${file}: cannot be read (${(error as NodeJS.ErrnoException).code ?? error})`);
  }
}

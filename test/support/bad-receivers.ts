/** Receivers of OTLP that are of no use: what an exporter may meet. */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface BadReceiver {
  readonly url: string;
  /** Spans of the requests that were answered well, without those that it said to have rejected. */
  taken(): number;
  close(): Promise<void>;
}

/** @returns how many of the spans it takes */
type Answer = (response: ServerResponse, spans: number) => number | Promise<number>;

const refuse =
  (status: number, headers: Readonly<Record<string, string>> = {}): Answer =>
  (response) => {
    response.writeHead(status, headers).end();
    return 0;
  };

function take(response: ServerResponse, spans: number): number {
  response.writeHead(200, { 'content-type': 'application/json' }).end('{"partialSuccess":{}}');
  return spans;
}

let answers = 0;

/** By name; undefined where nobody listens. */
export const RECEIVERS: Readonly<Record<string, Answer | undefined>> = {
  'takes all': take,
  slow: async (response, spans) => {
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    return take(response, spans);
  },
  'answers 500': refuse(500),
  'never answers': () => 0,
  absent: undefined,
  'answers 429, Retry-After: 1': refuse(429, { 'retry-after': '1' }),
  'answers 503, Retry-After: 3600': refuse(503, { 'retry-after': '3600' }),
  'answers 503, Retry-After that makes no sense': refuse(503, { 'retry-after': '-5, soon' }),
  'answers 429 every other time': (response, spans) =>
    ++answers % 2 === 0 ? take(response, spans) : refuse(429, { 'retry-after': '0' })(response, spans),
  'fails every other time': (response, spans) =>
    ++answers % 2 === 0 ? take(response, spans) : refuse(500)(response, spans),
  'rejects some of each': (response, spans) => {
    const rejectedSpans = Math.min(spans, 7);
    const partialSuccess = { rejectedSpans: String(rejectedSpans), errorMessage: 'too old' };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ partialSuccess }));
    return spans - rejectedSpans;
  },
};

export async function startBadReceiver(answer: Answer | undefined): Promise<BadReceiver> {
  let taken = 0;
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('latin1').on('data', (text: string) => {
      body += text;
    });
    request.on('end', async () => {
      const taking = (await answer?.(response, body.split('"startTimeUnixNano":').length - 1)) ?? 0;
      // Whoever has left has not heard that they were taken.
      if (request.socket.destroyed === false) taken += taking;
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  };
  if (answer === undefined) await close();
  return {
    url: `http://127.0.0.1:${port}`,
    taken: () => taken,
    close: answer === undefined ? async () => {} : close,
  };
}

/** How many spans are said to be lost on stderr of a process with `register`. */
export function lostIn(stderr: string): number {
  let lost = 0;
  for (const [, spans] of stderr.matchAll(/(\d+) spans? (?:was|were) lost/g)) lost += Number(spans);
  return lost;
}

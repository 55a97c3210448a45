/** Takes what Sentry's client sends: envelopes, lines of JSON, of which those that list spans are read. */
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import type { SeenSpan } from './outing.ts';

export interface SentryReceiver {
  readonly dsn: string;
  readonly spans: SeenSpan[];
  close(): void;
}

interface Item {
  readonly span_id?: string;
  readonly attributes?: Readonly<Record<string, { readonly value: unknown }>>;
}

export async function startSentryReceiver(): Promise<SentryReceiver> {
  const spans: SeenSpan[] = [];
  const server = createServer(async (request, response) => {
    for (const line of (await text(request)).split('\n').filter((one) => one.startsWith('{'))) {
      const { items = [] } = JSON.parse(line) as { readonly items?: readonly Item[] };
      for (const { span_id, attributes = {} } of items) {
        if (span_id === undefined) continue;
        const values = Object.fromEntries(Object.entries(attributes).map(([key, { value }]) => [key, value]));
        spans.push({
          kind: String(values['sentry.kind']),
          scopeName: String(values['sentry.origin']),
          attributes: values,
        });
      }
    }
    response.end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return { dsn: `http://key@127.0.0.1:${port}/1`, spans, close: () => server.close().closeAllConnections() };
}

/** A server that streams tokens as the APIs of OpenAI and Anthropic do: one every 10 ms, so many as it is asked for. */
import { once } from 'node:events';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** Of it nothing comes, not even a head. */
export const SILENT = 'silent';
const EVERY_MS = 10;

export interface Asked {
  /** How many tries were before it, as the client says. */
  readonly retries: string | undefined;
  /** Sent so far. */
  tokens: number;
  /** Resolves when the connection is over: true when all was sent. */
  readonly closed: Promise<boolean>;
}

export class Upstream {
  readonly asked: Asked[] = [];
  /** Called with each request, once it is read. */
  onAsked: () => void = () => {};
  readonly #server = http.createServer((request, response) => void this.#answer(request, response));

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close().closeAllConnections();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const closed = once(response, 'close').then(() => response.writableFinished);
    const retries = request.headers['x-stainless-retry-count'] as string | undefined;
    const asked: Asked = { retries, tokens: 0, closed };
    this.asked.push(asked);
    const { model, max_tokens } = JSON.parse(await text(request)) as { model: string; max_tokens: number };
    this.onAsked();
    if (model === SILENT) return;
    const write = (data: object): void => {
      const event = 'type' in data ? `event: ${data.type}\n` : '';
      response.write(`${event}data: ${JSON.stringify(data)}\n\n`);
    };
    const words = request.url === '/v1/messages' ? anthropic : openai;
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const data of words.begin) write(data);
    const timer = setInterval(() => {
      asked.tokens++;
      write(words.token);
      if (asked.tokens < max_tokens) return;
      for (const data of words.end) write(data);
      response.end(words === openai ? 'data: [DONE]\n\n' : '');
    }, EVERY_MS);
    await closed;
    clearInterval(timer);
  }
}

interface Words {
  readonly begin: readonly object[];
  readonly token: object;
  readonly end: readonly object[];
}

const chunk = { id: 'a', object: 'chat.completion.chunk', created: 1, model: 'any' };
const openai: Words = {
  begin: [],
  token: { ...chunk, choices: [{ index: 0, delta: { content: 'word ' }, finish_reason: null }] },
  end: [{ ...chunk, choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }],
};

const message = { id: 'a', type: 'message', role: 'assistant', model: 'any', content: [] };
const anthropic: Words = {
  begin: [
    {
      type: 'message_start',
      message: { ...message, stop_reason: null, usage: { input_tokens: 1, output_tokens: 1 } },
    },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
  ],
  token: { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'word ' } },
  end: [
    { type: 'content_block_stop', index: 0 },
    { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 9 } },
    { type: 'message_stop' },
  ],
};

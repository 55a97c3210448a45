/** The clients of model APIs, as a gateway uses them: each passes on the words that come. */
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { OpenAI } = require('openai') as typeof import('openai');
const { Anthropic } = require('@anthropic-ai/sdk') as typeof import('@anthropic-ai/sdk');
const { streamText } = require('ai') as typeof import('ai');
const { createOpenAI } = require('@ai-sdk/openai') as typeof import('@ai-sdk/openai');

export interface Prompt {
  readonly model: string;
  readonly tokens: number;
  readonly signal: AbortSignal | undefined;
}

/** What the application is told of the end, by the SDK's own means: `end` where it looks as if all were said. */
export type Told = 'end' | string;

export interface Sdk {
  readonly name: string;
  /** Asks once more when a request has failed. */
  readonly asksAgain: boolean;
  readonly stream: (baseURL: string, prompt: Prompt, write: (word: string) => void) => Promise<Told>;
  /** How the end is told that `prompt.signal` made: while words come, and before there is an answer. */
  readonly toldBySignal: { readonly midway: Told; readonly waiting: Told };
  /** The same of an end that `propagate.cancel` made. */
  readonly toldByPropagate: { readonly midway: Told; readonly waiting: Told };
}

const key = { apiKey: 'none', maxRetries: 1 };
const messages = [{ role: 'user' as const, content: 'Which sofa is it to be?' }];

export const sdks: readonly Sdk[] = [
  {
    name: 'openai',
    asksAgain: true,
    async stream(baseURL, { model, tokens, signal }, write) {
      const client = new OpenAI({ ...key, baseURL });
      const body = { model, messages, max_tokens: tokens, stream: true as const };
      const stream = await client.chat.completions.create(body, signal && { signal });
      for await (const { choices } of stream) write(choices[0]?.delta.content ?? '');
      return 'end';
    },
    toldBySignal: { midway: 'end', waiting: 'APIUserAbortError' },
    toldByPropagate: { midway: 'end', waiting: 'APIConnectionTimeoutError' },
  },
  {
    name: '@anthropic-ai/sdk, create()',
    asksAgain: true,
    async stream(baseURL, { model, tokens, signal }, write) {
      const client = new Anthropic({ ...key, baseURL });
      const body = { model, messages, max_tokens: tokens, stream: true as const };
      const stream = await client.messages.create(body, signal && { signal });
      for await (const event of stream) if (event.type === 'content_block_delta') write('word ');
      return 'end';
    },
    toldBySignal: { midway: 'end', waiting: 'APIUserAbortError' },
    toldByPropagate: { midway: 'end', waiting: 'APIConnectionTimeoutError' },
  },
  {
    name: '@anthropic-ai/sdk, stream()',
    asksAgain: true,
    async stream(baseURL, { model, tokens, signal }, write) {
      const client = new Anthropic({ ...key, baseURL });
      const stream = client.messages.stream({ model, messages, max_tokens: tokens }, signal && { signal });
      for await (const event of stream) if (event.type === 'content_block_delta') write('word ');
      return 'end';
    },
    toldBySignal: { midway: 'APIUserAbortError', waiting: 'APIUserAbortError' },
    toldByPropagate: { midway: 'APIUserAbortError', waiting: 'APIConnectionTimeoutError' },
  },
  {
    name: 'ai, @ai-sdk/openai',
    asksAgain: false,
    async stream(baseURL, { model, tokens, signal }, write) {
      let told: Told = 'end';
      const { fullStream } = streamText({
        model: createOpenAI({ apiKey: 'none', baseURL }).chat(model),
        messages,
        maxOutputTokens: tokens,
        maxRetries: 1,
        ...(signal && { abortSignal: signal }),
        onAbort: () => {
          told = 'onAbort';
        },
        onError: ({ error }) => {
          told = `onError: ${(error as Error).name}`;
        },
      });
      for await (const part of fullStream) if (part.type === 'text-delta') write(part.text);
      return told;
    },
    toldBySignal: { midway: 'onAbort', waiting: 'onAbort' },
    toldByPropagate: { midway: 'AbortError', waiting: 'onError: AbortError' },
  },
];

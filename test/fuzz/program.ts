/**
 * A random program of clients, servers, cancels and limits. What happens when is told by what has happened, not by a clock: so it
 * runs the same way each time, and a difference is one that we have made.
 */
import fc from 'fast-check';

/** What a handler does, one after the other. Without an end of its own it answers. */
export type Step = 'head' | 'chunk' | 'turn' | 'end' | 'destroy' | 'throw' | 'wait';

/** When the client cancels. `sent`: the handler has the request. */
export type Moment = 'never' | 'before' | 'start' | 'turn' | 'sent' | 'response' | 'data' | 'over';

/** By what. */
export type Means = 'abort' | 'abort-reason' | 'abort-text' | 'destroy' | 'destroy-error' | 'shared' | 'any';

export const clients = ['http', 'fetch', 'undici', 'http2', 'unary', 'server-stream', 'bidi'] as const;
export type Client = (typeof clients)[number];

export interface Operation {
  readonly client: Client;
  readonly steps: readonly Step[];
  readonly moment: Moment;
  readonly means: Means;
  /** A time limit that does not pass: it has to be taken back. */
  readonly isLimited: boolean;
  /** The request has a body. */
  readonly hasBody: boolean;
  readonly isKeptAlive: boolean;
}

export interface Program {
  readonly operations: readonly Operation[];
  /** All at once, or one after the other. */
  readonly isParallel: boolean;
}

const steps: fc.Arbitrary<Step> = fc.constantFrom('head', 'chunk', 'turn', 'end', 'destroy', 'throw', 'wait');
const moments: fc.Arbitrary<Moment> = fc.constantFrom(
  'never',
  'before',
  'start',
  'turn',
  'sent',
  'response',
  'data',
  'over',
);
const means: fc.Arbitrary<Means> = fc.constantFrom(
  'abort',
  'abort-reason',
  'abort-text',
  'destroy',
  'destroy-error',
  'shared',
  'any',
);

export const operations: fc.Arbitrary<Operation> = fc.record({
  client: fc.constantFrom(...clients),
  steps: fc.array(steps, { maxLength: 5 }),
  moment: moments,
  means,
  isLimited: fc.boolean(),
  hasBody: fc.boolean(),
  isKeptAlive: fc.boolean(),
});

export const programs: fc.Arbitrary<Program> = fc.record({
  operations: fc.array(operations, { minLength: 1, maxLength: 3 }),
  isParallel: fc.boolean(),
});

/** The time limit that a request brings along, judged by what the service accepts. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { context } from '@opentelemetry/api';
import { DEADLINE_HEADERS, readDeadlineHeaders } from '../cancellation/deadline-headers.ts';
import { enterScope, scopeIn } from './current.ts';
import { Scope } from './scope.ts';

export interface RequestDeadlineOptions {
  /**
   * `observe`: a limit that is not accepted is ignored, one that is too long is cut to `maxMs`.
   * `enforce`: such a request is answered with 400 and a JSON body that names header, value and what is accepted.
   * @default 'observe'
   */
  readonly mode?: 'observe' | 'enforce';
  /** Shortest limit that is accepted, in ms. @default 1 */
  readonly minMs?: number;
  /** Longest limit that is accepted, in ms. @default 30000 */
  readonly maxMs?: number;
  /** Whether a request without a limit is refused, in mode `enforce`. @default false */
  readonly required?: boolean;
}

/** Body of the answer 400. */
export interface Refusal {
  readonly error: string;
  /** In lower case; undefined when none was sent. */
  readonly header: string | undefined;
  readonly value: string | undefined;
  readonly accepted: string;
}

export type Judgement = { readonly refusal: Refusal } | { readonly scope: Scope };

/** Decides on requests; the same for every framework. */
export type Judge = (request: IncomingMessage) => Judgement;

/** @throws {RangeError | TypeError} for options that make no sense */
export function createJudge(options: RequestDeadlineOptions = {}): Judge {
  const { mode = 'observe', minMs = 1, maxMs = 30_000, required = false } = options;
  if (mode !== 'observe' && mode !== 'enforce') {
    throw new TypeError(`Option "mode" must be 'observe' or 'enforce', but is ${String(mode)}.`);
  }
  if (!(minMs >= 0 && minMs <= maxMs && Number.isFinite(maxMs))) {
    throw new RangeError(
      `Options "minMs" and "maxMs" must be 0 ≤ minMs ≤ maxMs, but are ${minMs} and ${maxMs}.`,
    );
  }
  const accepted = `${minMs} to ${maxMs} ms`;
  return (request) => {
    const outer = scopeIn(context.active());
    const limit = readDeadlineHeaders(request.headers, Date.now());
    if (mode === 'enforce') {
      const refusal = limit === undefined ? missing() : refusalOf(limit);
      if (refusal !== undefined) return { refusal };
    }
    const timeoutMs = Math.min(
      limit?.header === undefined ? Number.POSITIVE_INFINITY : limit.timeoutMs,
      maxMs,
    );
    const hasLimit = limit?.header !== undefined && timeoutMs >= minMs;
    return { scope: new Scope(hasLimit ? performance.now() + timeoutMs : Number.POSITIVE_INFINITY, outer) };

    function refusalOf(read: NonNullable<typeof limit>): Refusal | undefined {
      const [malformed] = read.malformed;
      if (malformed !== undefined) {
        const { header, value, problem } = malformed;
        return { error: `${header} ${problem}`, header, value, accepted: malformed.accepted };
      }
      if (read.timeoutMs >= minMs && read.timeoutMs <= maxMs) return undefined;
      const error = `${read.header} leaves ${Math.round(read.timeoutMs)} ms`;
      const value = read.header === undefined ? undefined : String(request.headers[read.header]);
      return { error, header: read.header, value, accepted };
    }
  };

  function missing(): Refusal | undefined {
    if (!required) return undefined;
    const headers = DEADLINE_HEADERS.join(', ');
    return {
      error: 'no deadline',
      header: undefined,
      value: undefined,
      accepted: `one of ${headers}: ${accepted}`,
    };
  }
}

/** Calls `next` within the scope, which ends with the response: cancelled when that was cut off. */
export function continueIn<T>(scope: Scope, response: ServerResponse, next: () => T): T {
  response.once('close', () => {
    if (!response.writableFinished) scope.cancel('canceled');
    scope.close();
  });
  return context.with(enterScope(context.active(), scope), next);
}

export function refuse(response: ServerResponse, refusal: Refusal): void {
  response.writeHead(400, { 'content-type': 'application/json' });
  response.end(JSON.stringify(refusal));
}

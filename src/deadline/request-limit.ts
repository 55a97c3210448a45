/** The time limit that a request brings along, judged by what the service accepts. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { context } from '@opentelemetry/api';
import { DEADLINE_HEADERS, readDeadlineHeaders } from '../cancellation/deadline-headers.ts';
import { ownerIn } from '../telemetry/owner.ts';
import { enterScope, scopeIn, scopeOf } from './current.ts';
import { Scope } from './scope.ts';

export interface RequestDeadlineOptions {
  /**
   * `observe`: a limit that breaks its grammar is ignored, one that is too long is cut to `maxMs`, one that is
   * too short stays as it is: nobody waits for longer.
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

export type Judgement = { readonly refusal: Refusal } | { readonly timeoutMs: number };

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
    const limit = readDeadlineHeaders(request.headers, Date.now());
    if (mode === 'enforce') {
      const refusal = limit === undefined ? missing() : refusalOf(limit);
      if (refusal !== undefined) return { refusal };
    }
    if (limit?.header === undefined) return { timeoutMs: Number.POSITIVE_INFINITY };
    return { timeoutMs: Math.min(limit.timeoutMs, maxMs) };

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

/**
 * Calls `next` where the limit is known. It is the limit of all that is done for the request, also by listeners,
 * which run in the context of its operation; where nobody records the request, of what `next` starts.
 */
export function continueWithin<T>(timeoutMs: number, response: ServerResponse, next: () => T): T {
  const active = context.active();
  const atMs = performance.now() + timeoutMs;
  const operation = ownerIn(active);
  if (operation?.answer === response) {
    scopeOf(operation).narrow(atMs);
    return next();
  }
  const scope = new Scope(atMs, scopeIn(active));
  response.once('close', () => {
    if (!response.writableFinished) scope.cancel('canceled');
    scope.close();
  });
  return context.with(enterScope(active, scope), next);
}

export function refuse(response: ServerResponse, refusal: Refusal): void {
  response.writeHead(400, { 'content-type': 'application/json' });
  response.end(JSON.stringify(refusal));
}

/** Asks one request after the other, and counts them: what comes of one is not mixed with what comes of another. */
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../spans/user-error.ts';
import { type Answer, describeAnswer, meaningOf, wholeMs } from './answer.ts';
import type { CallbackServer, Expected } from './callback.ts';
import { type Exchange, open } from './exchange.ts';
import { limitValue } from './limit-values.ts';
import { connect, type Target, Unreachable } from './target.ts';

export interface Settings {
  readonly target: Target;
  /** Headers whose limits are asked about, in lower case. Of gRPC grpc-timeout alone. */
  readonly limitHeaders: readonly string[];
  /** A limit is required. */
  readonly isEnforced: boolean;
  readonly callback: CallbackServer | undefined;
  /** Where the address of the callback server is told. */
  readonly callbackParam: string | undefined;
  readonly callbackHeader: string | undefined;
  /** How long the callback server lets a call wait. */
  readonly holdMs: number;
  readonly onRequest: (count: number) => void;
}

export interface Asked {
  readonly answer: Answer;
  readonly expected: Expected | undefined;
  readonly sentMs: number;
}

/** More than any operation is asked to take, and less than most servers accept at most. */
const LONG_LIMIT_MS = 20_000;
const FIRST_LIMIT_MS = 30_000;
const BODY_AFTER_MS = 50;

export class Examiner {
  readonly settings: Settings;
  readonly isGrpc: boolean;
  /** Without a limit. */
  fullMs = 0;
  requestCount = 0;
  isGone = false;

  constructor(settings: Settings) {
    this.settings = settings;
    this.isGrpc = settings.target.protocol === 'grpc';
  }

  /** How long it takes without a limit: the shorter of two. @throws {UserError} */
  async measure(): Promise<void> {
    const times: number[] = [];
    for (let time = 0; time < 2; time++) {
      const { answer } = await this.ask(this.longLimit(), FIRST_LIMIT_MS);
      if (meaningOf(answer, this.isGrpc) !== 'ok') throw this.#useless(answer);
      times.push(answer.tookMs);
    }
    this.fullMs = Math.min(...times);
  }

  /** An enforcing server takes no request without one. */
  longLimit(): Record<string, string> {
    const [header = ''] = this.settings.limitHeaders;
    return this.settings.isEnforced ? { [header]: limitValue(header, LONG_LIMIT_MS) } : {};
  }

  /** How long is waited before a server is said not to answer. */
  get patienceMs(): number {
    return 2 * this.fullMs + 2_000;
  }

  async ask(headers: Readonly<Record<string, string>>, limitMs: number = this.patienceMs): Promise<Asked> {
    const expected = this.expect();
    const sentMs = performance.now();
    try {
      const exchange = await this.open(headers, expected, limitMs, this.isGrpc ? BODY_AFTER_MS : undefined);
      const answer = await exchange.ended;
      exchange.close();
      expected?.release();
      const isGone = (answer.how === 'closed' || answer.how === 'silent') && !(await this.#isThere());
      return { answer: isGone ? this.#gone(answer.tookMs) : answer, expected, sentMs };
    } catch (error) {
      if (!(error instanceof Unreachable) || this.fullMs === 0) throw error;
      return { answer: this.#gone(performance.now() - sentMs), expected, sentMs };
    }
  }

  expect(holdMs: number = this.settings.holdMs): Expected | undefined {
    return this.settings.callback?.expect(holdMs);
  }

  async open(
    headers: Readonly<Record<string, string>>,
    expected: Expected | undefined,
    limitMs: number,
    bodyAfterMs?: number,
  ): Promise<Exchange> {
    const { target, callbackParam, callbackHeader } = this.settings;
    this.settings.onRequest(++this.requestCount);
    const url = new URL(target.path, target.url);
    if (expected !== undefined && callbackParam !== undefined)
      url.searchParams.set(callbackParam, expected.url);
    const told =
      expected !== undefined && callbackHeader !== undefined ? { [callbackHeader]: expected.url } : {};
    return await open(target, {
      headers: { ...told, ...headers },
      path: callbackParam === undefined ? target.path : `${url.pathname}${url.search}`,
      limitMs,
      ...(bodyAfterMs === undefined ? {} : { bodyAfterMs }),
    });
  }

  #gone(tookMs: number): Answer {
    this.isGone = true;
    return { how: 'gone', status: undefined, grpcStatus: undefined, resetCode: undefined, tookMs };
  }

  /** A process that crashes is there for a moment yet. */
  async #isThere(): Promise<boolean> {
    await sleep(200);
    try {
      (await connect(this.settings.target)).destroy();
      return true;
    } catch {
      return false;
    }
  }

  #useless(answer: Answer): UserError {
    const { target, isEnforced } = this.settings;
    const { url, path, method } = target;
    const what = this.isGrpc ? `${url.origin}${path}` : `${method} ${url.origin}${path}`;
    const refused = meaningOf(answer, this.isGrpc) === 'refused' && !isEnforced;
    const hint = refused ? '; a server that requires a limit is asked with --enforced' : '';
    return new UserError(
      `${what}: ${describeAnswer(answer)}, so there is nothing to compare with: name an operation that succeeds within ${wholeMs(FIRST_LIMIT_MS)}${hint}`,
    );
  }
}

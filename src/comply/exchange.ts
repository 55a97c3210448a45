/** One request of ours, in whatever protocol, each on a connection of its own. */

import type { Answer } from './answer.ts';
import { connectHttp1 } from './http1.ts';
import { connectHttp2 } from './http2.ts';
import type { Target } from './target.ts';

export interface Exchange {
  /** Never rejects. */
  readonly ended: Promise<Answer>;
  /** As a client does that wants no answer any more: it resets the stream, or closes the connection of HTTP/1.1. */
  leave(): void;
  /** Of HTTP/2, since `leave()`. */
  afterwards?(): Promise<Afterwards>;
  close(): void;
}

/** What a connection shows of a stream that was reset. */
export interface Afterwards {
  readonly late: readonly LateFrame[];
  /** A PING there and back. Undefined: it was not answered. */
  readonly pingMs: number | undefined;
  readonly hasGoAway: boolean;
}

/** DATA or HEADERS. */
export interface LateFrame {
  readonly type: number;
  readonly bytes: number;
  /** Since the reset. */
  readonly afterMs: number;
}

export interface Ask {
  /** Beside those of the target. */
  readonly headers: Readonly<Record<string, string>>;
  readonly path: string;
  /** How long an answer is waited for. */
  readonly limitMs: number;
  /** Body after the head: who reads the limit there has less left by then. */
  readonly bodyAfterMs?: number;
}

/** @throws {Unreachable} */
export async function open(target: Target, ask: Ask): Promise<Exchange> {
  return target.protocol === 'http1' ? await connectHttp1(target, ask) : await connectHttp2(target, ask);
}

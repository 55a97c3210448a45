/** A client that leaves in the middle: what still comes, what becomes of the connection, what the server does with what it has called. */
import { setTimeout as sleep } from 'node:timers/promises';
import { wholeMs } from './answer.ts';
import type { Expected } from './callback.ts';
import { type Check, checkOf } from './check.ts';
import type { Examiner } from './examiner.ts';
import type { Afterwards } from './exchange.ts';

/** It is at work by then. */
const MAX_WAIT_MS = 300;
/** Since the call came: who made it has had its turn. */
const SETTLE_MS = 50;
/** From the end of the client to that of what was called for it. */
const GRACE_MS = 1_000;
/** What is on its way at the reset comes a way there and back later; a busy machine takes its time. */
const IN_FLIGHT_MS = 100;

const sends = checkOf('leave.wire', 'sends nothing more when the client has left');
const lives = checkOf('leave.connection', 'the connection outlives the cancel');
const stops = checkOf('leave.downstream', 'stops what it does for a client that has left');

export async function checkLeaving(examiner: Examiner): Promise<Check[]> {
  const { settings, fullMs } = examiner;
  const expected = examiner.expect(Number.MAX_SAFE_INTEGER % 2 ** 31);
  const exchange = await examiner.open(examiner.longLimit(), expected, 2 * examiner.patienceMs + GRACE_MS);
  const startMs = performance.now();
  const isEarly = await Promise.race([
    exchange.ended.then(() => true),
    whenAtWork(examiner, expected).then(() => false),
  ]);
  if (isEarly) {
    exchange.close();
    expected?.release();
    const seen = `it answered before the client could leave, after ${wholeMs(performance.now() - startMs)}`;
    return [sends('cannot be told', seen), lives('cannot be told', seen), stops('cannot be told', seen)];
  }
  exchange.leave();
  const leftMs = performance.now();
  if (expected !== undefined) {
    await sleep(GRACE_MS);
    expected.release();
  }
  // Whatever it would have sent at the end of its work is there by then.
  const restMs = expected === undefined ? fullMs - (leftMs - startMs) : fullMs - settings.holdMs;
  await sleep(Math.max(0, restMs) + MAX_WAIT_MS);
  const afterwards = await exchange.afterwards?.();
  exchange.close();
  return [...onWire(afterwards), downstream(expected, leftMs)];
}

async function whenAtWork({ settings, fullMs }: Examiner, expected: Expected | undefined): Promise<void> {
  if (expected === undefined) return void (await sleep(Math.min(fullMs / 3, MAX_WAIT_MS)));
  // Before it calls: what the operation takes beside the call, on a machine that may be busy.
  const beforeMs = 2 * Math.max(0, fullMs - settings.holdMs) + GRACE_MS;
  await Promise.race([expected.first.then(() => sleep(SETTLE_MS)), sleep(beforeMs)]);
}

function onWire(afterwards: Afterwards | undefined): Check[] {
  if (afterwards === undefined) {
    const seen = 'over HTTP/1.1 the connection ends with its client';
    return [sends('cannot be told', seen), lives('not asked', seen)];
  }
  const { late, pingMs, hasGoAway } = afterwards;
  const limitMs = IN_FLIGHT_MS + 2 * (pingMs ?? 0);
  const tooLate = late.filter(({ afterMs }) => afterMs > limitMs);
  const bytes = (frames: typeof late): string =>
    `${frames.reduce((sum, frame) => sum + frame.bytes, 0).toLocaleString('en-US')} bytes in ${frames.length} frames`;
  const lastMs = wholeMs(late.at(-1)?.afterMs ?? 0);
  const sent =
    tooLate.length > 0
      ? sends('fail', `${bytes(late)} after the reset, the last after ${lastMs}`)
      : sends(
          'pass',
          late.length === 0
            ? 'nothing after the reset'
            : `${bytes(late)} that were on their way, until ${lastMs} after the reset`,
        );
  if (hasGoAway) return [sent, lives('fail', 'GOAWAY')];
  if (pingMs === undefined) return [sent, lives('fail', 'it was closed, or a PING was not answered')];
  return [sent, lives('pass', `PING answered after ${wholeMs(pingMs)}`)];
}

function downstream(expected: Expected | undefined, leftMs: number): Check {
  if (expected === undefined)
    return stops('cannot be told', 'not seen from outside; --callback-param or --callback-header shows it');
  const { calls } = expected;
  const before = calls.filter(({ startMs }) => startMs - leftMs <= IN_FLIGHT_MS);
  const later = calls.filter(({ startMs }) => startMs - leftMs > IN_FLIGHT_MS);
  const [first] = later;
  if (first !== undefined)
    return stops(
      'fail',
      `called the callback server ${wholeMs(first.startMs - leftMs)} after the client had left`,
    );
  if (before.length === 0)
    return stops('cannot be told', 'the callback server was not called before the client left');
  const goesOn = before.find(({ leftAtMs }) => leftAtMs === undefined || leftAtMs - leftMs > GRACE_MS);
  if (goesOn !== undefined)
    return stops(
      'fail',
      `what it had called was still waited for ${wholeMs(GRACE_MS)} after the client had left`,
    );
  const lastMs = Math.max(...before.map(({ leftAtMs }) => (leftAtMs ?? 0) - leftMs));
  if (lastMs < 0) return stops('cannot be told', 'it gave up what it had called before the client left');
  return stops('pass', `what it had called was given up ${wholeMs(lastMs)} after the client had left`);
}

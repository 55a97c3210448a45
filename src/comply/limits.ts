/** Limits as a client sends them: whether the server keeps them, and passes on what is left. */
import { describeAnswer, meaningOf, wholeMs } from './answer.ts';
import { type Check, checkOf } from './check.ts';
import type { Asked, Examiner } from './examiner.ts';
import { type GrpcUnit, grpcLimit, limitValue } from './limit-values.ts';

/** An operation that takes no longer does not show whether it would be cut. */
const MIN_FULL_MS = 150;
const MAX_LIMIT_MS = 1_000;
const MIN_LIMIT_MS = 50;
/** Timers of most systems may be so early, by their clocks. */
const EARLY_MS = 20;
/** Less tells nothing: the full limit may be what is left, in whole milliseconds. */
const TELLING_MS = 5;

export async function checkLimit(examiner: Examiner, header: string): Promise<Check[]> {
  const keeps = checkOf(`limit.${header}`, `${header}: ends with the limit`);
  const passes = checkOf(`limit.${header}.passed-on`, `${header}: passes on what is left`);
  if (isTooShort(examiner)) return [keeps('cannot be told', tooShort(examiner)), notPassed(examiner, passes)];
  const limitMs = limitFor(examiner);
  const asked = await examiner.ask({ [header]: limitValue(header, limitMs) });
  return [keeps(...judgeKept(examiner, asked, limitMs)), passes(...judgePassed(examiner, asked, limitMs))];
}

export async function checkGrpcUnit(examiner: Examiner, unit: GrpcUnit): Promise<Check[]> {
  const isLong = unit === 'M' || unit === 'H';
  const wantedMs = limitFor(examiner);
  const { value, ms } = grpcLimit(unit, isLong ? 0 : wantedMs);
  const asks = isLong ? 'is not taken for less' : 'ends with the limit';
  const keeps = checkOf(`limit.grpc-timeout.${unit}`, `grpc-timeout ${value}: ${asks}`);
  if (!isLong && (isTooShort(examiner) || ms > 0.75 * examiner.fullMs))
    return [keeps('cannot be told', tooShort(examiner))];
  const asked = await examiner.ask({ 'grpc-timeout': value });
  if (isLong) return [keeps(...judgeUncut(examiner, asked, ms))];
  const kept = keeps(...judgeKept(examiner, asked, ms));
  if (unit !== 'm') return [kept];
  const passes = checkOf('limit.grpc-timeout.passed-on', `grpc-timeout ${value}: passes on what is left`);
  return [kept, passes(...judgePassed(examiner, asked, ms))];
}

type Judgement = [verdict: Check['verdict'], seen: string];

function judgeKept({ fullMs, isGrpc }: Examiner, { answer }: Asked, limitMs: number): Judgement {
  const seen = `${describeAnswer(answer)}, of a limit of ${wholeMs(limitMs)}`;
  const isInTime = answer.tookMs < limitMs + 0.75 * (fullMs - limitMs);
  const meaning = meaningOf(answer, isGrpc);
  if (meaning === 'ok')
    return ['fail', isInTime ? `${seen}: too fast to tell it from` : `${seen}: its full work`];
  if (meaning !== 'late') return ['fail', seen];
  if (answer.tookMs < limitMs - EARLY_MS) return ['fail', `${seen}: too early`];
  return isInTime ? ['pass', seen] : ['fail', `${seen}: too late`];
}

/** An hour cannot be waited for. */
function judgeUncut({ isGrpc }: Examiner, { answer, expected }: Asked, limitMs: number): Judgement {
  if (meaningOf(answer, isGrpc) !== 'ok') return ['fail', describeAnswer(answer)];
  const passedMs = expected?.calls[0]?.leftMs;
  const passed = passedMs === undefined ? '' : `; passed on ${wholeMs(passedMs)} of ${wholeMs(limitMs)}`;
  return ['pass', `${describeAnswer(answer)}: not cut${passed}`];
}

function judgePassed(examiner: Examiner, { expected, sentMs }: Asked, limitMs: number): Judgement {
  if (expected === undefined) return ['not asked', 'needs --callback-param or --callback-header'];
  const [call] = expected.calls;
  if (call === undefined) return ['cannot be told', 'the callback server was not called'];
  if (call.leftMs === undefined) return ['fail', 'called the callback server without a limit'];
  const afterMs = call.startMs - sentMs;
  const seen = `${call.header} of ${Math.floor(call.leftMs * 10) / 10} ms, called ${wholeMs(afterMs)} after ${wholeMs(limitMs)} was sent`;
  if (call.leftMs < limitMs) {
    // The body came later than the limit, and with it the work: time has passed.
    const isShared = call.leftMs >= limitMs - afterMs - EARLY_MS;
    return ['pass', isShared ? seen : `${seen}: less, by a limit or margin of its own`];
  }
  if (call.leftMs > limitMs + 1) return ['fail', `${seen}: more than was left`];
  if (!examiner.isGrpc && afterMs < TELLING_MS) return ['cannot be told', `${seen}: too fast`];
  return ['fail', `${seen}: the full limit`];
}

/** Of an operation that would take longer. */
export function limitFor({ fullMs }: Examiner): number {
  return Math.round(Math.min(Math.max(fullMs / 3, MIN_LIMIT_MS), MAX_LIMIT_MS));
}

function isTooShort({ fullMs }: Examiner): boolean {
  return fullMs < MIN_FULL_MS;
}

function tooShort({ fullMs }: Examiner): string {
  return `the operation takes ${wholeMs(fullMs)}: name one that takes longer, or let it call the callback server`;
}

function notPassed(examiner: Examiner, passes: ReturnType<typeof checkOf>): Check {
  return examiner.settings.callback === undefined
    ? passes('not asked', 'needs --callback-param or --callback-header')
    : passes('cannot be told', tooShort(examiner));
}

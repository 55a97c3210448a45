/**
 * Why a deadline was missed: the event loop of one side was blocked, the wire was late, or the peer slow. The time until the deadline
 * is told apart by who had the request: what took at least half of it is why. Where that is not known for certain, what is missing
 * is said instead. Pure, but for the CPU profiles, which are read when they are needed.
 */
import type { WireExchange } from '../capture/exchange.ts';
import { cancelOf, deadlineOf } from '../spans/cancel.ts';
import type { ExportedSpan } from '../spans/span.ts';
import { titleOf } from '../spans/title.ts';
import { ATTR_DEADLINE_SOURCE } from '../telemetry/attributes.ts';
import { type Course, courseOfSpans, courseOnWire } from './course.ts';
import { labelOf } from './cpu-stacks.ts';
import type { Evidence } from './evidence.ts';
import { type Interval, lengthOf, overlapMs, type ProcessRecord } from './process-record.ts';

export interface Verdict {
  /** Whose deadline it was. */
  readonly span: ExportedSpan;
  readonly cause: 'blocked' | 'wire' | 'slow' | 'unknown';
  readonly sentence: string;
}

type Finding = Pick<Verdict, 'cause'> & { readonly because: string };

/** Of the time until the deadline, that which took so much is why it was missed. */
const SHARE = 0.5;
/** Of the time in which an answer was there and was not read. */
const UNREAD_SHARE = 0.8;
/** Deadlines that are so near to each other are one, handed on. In ms. */
const SAME_MS = 50;
/** Of somebody who waits for somebody who waits. */
const MAX_HOPS = 20;

/** One for each deadline that was missed, of those that were handed on for the first. In their order. */
export async function verdictsOf(evidence: Evidence): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  for (const span of evidence.spans.toSorted((a, b) => a.endMs - b.endMs)) {
    if (cancelOf(span)?.outcome !== 'deadline_exceeded' || isHandedOn(span, evidence)) continue;
    const { cause, because } = await judge(span, evidence);
    const limit = deadlineOf(span);
    const of = limit === undefined ? '' : ` of ${inMs(limit.timeoutMs)}`;
    const sentence = `${nameOf(span)} missed its deadline${of}: ${because}.`;
    verdicts.push({ span, cause, sentence });
  }
  return verdicts;
}

function dueOf(span: ExportedSpan): number | undefined {
  const deadline = deadlineOf(span);
  return deadline && span.startMs + deadline.timeoutMs;
}

/** Somebody above it has missed the same deadline. */
function isHandedOn(span: ExportedSpan, { parentOf }: Evidence): boolean {
  const dueMs = dueOf(span);
  const seen = new Set([span]);
  for (let above = parentOf(span); above !== undefined && !seen.has(above); above = parentOf(above)) {
    seen.add(above);
    if (cancelOf(above)?.outcome !== 'deadline_exceeded') continue;
    const aboveMs = dueOf(above);
    if (dueMs === undefined || aboveMs === undefined || dueMs > aboveMs - SAME_MS) return true;
  }
  return false;
}

async function judge(span: ExportedSpan, evidence: Evidence): Promise<Finding> {
  const dueMs = dueOf(span);
  if (dueMs === undefined) return unsaid('its span does not tell how much time there was');
  // Such a limit starts again with every byte.
  if (span.attributes[ATTR_DEADLINE_SOURCE] === 'timeout')
    return unsaid('it was a limit on silence, of which the last byte is missing');
  const isIncoming = span.kind === 'server' || span.kind === 'consumer';
  return isIncoming
    ? await judgeServer(span, span.startMs, dueMs, evidence, MAX_HOPS)
    : await judgeClient(span, dueMs, evidence, MAX_HOPS);
}

async function judgeClient(
  span: ExportedSpan,
  dueMs: number,
  evidence: Evidence,
  hops: number,
): Promise<Finding> {
  const { startMs } = span;
  const limitMs = dueMs - startMs;
  const got = evidence.receivedOf(span);
  const client = evidence.recordOf(span);
  const server = got && evidence.recordOf(got);
  const wire = evidence.exchangesOf(span);
  const course = wire.length > 0 ? courseOnWire(span, got, wire, dueMs) : courseOfSpans(span, got, dueMs);
  const { answeredMs, clientHas, serverHas, wireHas, somebodyHas } = course;

  if (answeredMs !== undefined && answeredMs < dueMs) {
    const unread = { fromMs: answeredMs, toMs: dueMs };
    const spareMs = dueMs - answeredMs;
    if (client === undefined || !client.isWatched(unread))
      return unsaid(`the answer was there ${inMs(spareMs)} before it, and ${loopMissing(span)}`);
    if (overlapMs(client.blocked, unread) < UNREAD_SHARE * spareMs)
      return unsaid(
        `the answer was there ${inMs(spareMs)} before it, and the event loop of ${span.serviceName} turned: why it was not read is missing`,
      );
    const read = await blockedText(client, span, unread);
    return { cause: 'blocked', because: `the answer was there ${inMs(spareMs)} before it, but ${read}` };
  }

  const clientMs = client === undefined ? 0 : sumOverlap(client.blocked, [...clientHas, ...somebodyHas]);
  const serverMs = server === undefined ? 0 : sumOverlap(server.blocked, [...serverHas, ...somebodyHas]);
  const [wireMs, serverHasMs] = [lengthOf(wireHas), lengthOf(serverHas)];
  const enoughMs = SHARE * limitMs;
  const until = { fromMs: startMs, toMs: dueMs };
  if (client !== undefined && clientMs >= enoughMs && clientMs >= serverMs)
    return { cause: 'blocked', because: await blockedText(client, span, until) };
  if (got !== undefined && server !== undefined && serverMs >= enoughMs)
    return { cause: 'blocked', because: await blockedText(server, got, until) };
  if (wireMs >= enoughMs) return { cause: 'wire', because: wireText(wire, wireHas, limitMs) };
  if (got !== undefined && serverHasMs >= enoughMs) {
    const fromMs = serverHas[0]?.fromMs ?? got.startMs;
    return await judgeServer(got, fromMs, dueMs, evidence, hops, until);
  }
  return unsaid(whatIsMissing({ span, got, client, server, wire, course, until }));
}

/** @param fromMs when the request came to it @param limit of whoever waits for it */
async function judgeServer(
  got: ExportedSpan,
  fromMs: number,
  dueMs: number,
  evidence: Evidence,
  hops: number,
  limit: Interval = { fromMs, toMs: dueMs },
): Promise<Finding> {
  const record = evidence.recordOf(got);
  const toMs = Math.max(fromMs, Math.min(got.endMs, dueMs));
  const working = { fromMs, toMs };
  const limitMs = limit.toMs - limit.fromMs;
  // Its span ends at the cancel: how long its loop was watched counts until then.
  if (record === undefined || !record.isWatched(working)) return unsaid(loopMissing(got));
  const blockedMs = overlapMs(record.blocked, working);
  if (blockedMs >= SHARE * limitMs)
    return { cause: 'blocked', because: await blockedText(record, got, working) };
  const workedMs = toMs - fromMs;
  if (workedMs - blockedMs < SHARE * limitMs)
    return unsaid(
      `${got.serviceName} had it for ${inMs(workedMs)} and was blocked for ${inMs(blockedMs)}: neither is half of it`,
    );
  const waited = longestWait(got, working, evidence);
  const ofWait = waited === undefined ? 0 : overlapMs([intervalOf(waited)], working);
  if (waited === undefined || ofWait < SHARE * limitMs)
    return { cause: 'slow', because: slowText(got, working, limitMs) };
  const next = hops > 0 ? await judgeClient(waited, dueMs, evidence, hops - 1) : undefined;
  if (next !== undefined && next.cause !== 'unknown')
    return { ...next, because: `${got.serviceName} waited for ${nameOf(waited)}, where ${next.because}` };
  const waiting = `, ${inMs(ofWait)} of it waiting for ${titleOf(waited)}`;
  return { cause: 'slow', because: slowText(got, working, limitMs) + waiting };
}

/** What it did on other systems, that which took most of that time. */
function longestWait(got: ExportedSpan, working: Interval, evidence: Evidence): ExportedSpan | undefined {
  const time = (span: ExportedSpan) => overlapMs([intervalOf(span)], working);
  return evidence.outgoingOf(got).toSorted((a, b) => time(b) - time(a))[0];
}

async function blockedText(record: ProcessRecord, span: ExportedSpan, within: Interval): Promise<string> {
  const blockedMs = overlapMs(record.blocked, within);
  const stalls = record.blocked.filter(({ fromMs, toMs }) => fromMs < within.toMs && toMs > within.fromMs);
  const [longest] = stalls.toSorted((a, b) => b.toMs - b.fromMs - (a.toMs - a.fromMs));
  const busiest = longest && (await record.busiestIn(longest));
  const where =
    busiest === undefined
      ? ''
      : `, in ${labelOf(busiest.frame)} (${busiest.samples} of ${busiest.of} samples of its CPU)`;
  const untilMs = (longest?.toMs ?? 0) - within.toMs;
  const until = untilMs > 0 ? `, until ${inMs(untilMs)} after it` : '';
  return `the event loop of ${span.serviceName} was blocked for ${inMs(blockedMs)} of ${inMs(within.toMs - within.fromMs)}${until}${where}`;
}

function wireText(wire: readonly WireExchange[], wireHas: readonly Interval[], limitMs: number): string {
  const [out, back] = wireHas.map((each) => inMs(each.toMs - each.fromMs));
  const [first, last] = [wire[0] as WireExchange, wire.at(-1) as WireExchange];
  const answer = last.answerEndAtMs === undefined ? '' : `, the answer ${back} back`;
  return `the wire was late: by the capture the request took ${out} from ${first.client} by ${first.server} to ${last.server}${answer}, of ${inMs(limitMs)}`;
}

function slowText(got: ExportedSpan, { fromMs, toMs }: Interval, limitMs: number): string {
  return `${nameOf(got)} was slow: it had the request for ${inMs(toMs - fromMs)} of ${inMs(limitMs)}, and its event loop turned`;
}

interface Known {
  readonly span: ExportedSpan;
  readonly got: ExportedSpan | undefined;
  readonly client: ProcessRecord | undefined;
  readonly server: ProcessRecord | undefined;
  readonly wire: readonly WireExchange[];
  readonly course: Course;
  readonly until: Interval;
}

function whatIsMissing({ span, got, client, server, wire, course, until }: Known): string {
  const missing: string[] = [];
  if (wire.length === 0) missing.push('the request in a capture is missing');
  if (got === undefined) missing.push('a span of whoever got the request is missing');
  if (client?.isWatched(until) !== true) missing.push(loopMissing(span));
  if (got !== undefined && server === undefined) missing.push(loopMissing(got));
  if (missing.length > 0) return missing.join(', and ');
  const took = (who: string, has: readonly Interval[]) => `${who} ${inMs(lengthOf(has))}`;
  const { clientHas, wireHas, serverHas } = course;
  const parts = [
    took(span.serviceName, clientHas),
    took('the wire', wireHas),
    took(got?.serviceName ?? '', serverHas),
  ];
  return `who had it for half of the time is missing: ${parts.join(', ')}`;
}

function loopMissing({ serviceName }: ExportedSpan): string {
  return `the event loop of ${serviceName} at that time was not recorded`;
}

function unsaid(missing: string): Finding {
  return { cause: 'unknown', because: `why cannot be said, since ${missing}` };
}

function intervalOf({ startMs, endMs }: ExportedSpan): Interval {
  return { fromMs: startMs, toMs: endMs };
}

function sumOverlap(blocked: readonly Interval[], intervals: readonly Interval[]): number {
  return intervals.reduce((sum, each) => sum + overlapMs(blocked, each), 0);
}

function nameOf(span: ExportedSpan): string {
  return `${span.serviceName} ${span.kind === 'server' ? '←' : '→'} ${titleOf(span)}`;
}

function inMs(ms: number): string {
  return ms < 9.95
    ? `${ms.toFixed(1)} ms`
    : ms < 9_995
      ? `${ms.toFixed(0)} ms`
      : `${(ms / 1_000).toFixed(1)} s`;
}

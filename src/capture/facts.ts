/** What is to be said of an exchange, in the order in which it happened. */
import { describeMalformed } from '../cancellation/deadline-headers.ts';
import { http2ErrorName } from '../conventions/http2-error-code.ts';
import { isOver, type Side, type WebSocketClose, type WireExchange } from './exchange.ts';
import { changedLimit } from './hops.ts';
import type { SideTold, ToldBySpans } from './told-by-spans.ts';

export interface Fact {
  /** Since the request, in ms. */
  readonly atMs: number;
  /** Who did it, or whose span says so. */
  readonly by: Side | 'client span' | 'server span' | 'connection';
  readonly text: string;
}

/** Something happened to it other than that it was answered. */
export function isNotable(exchange: WireExchange): boolean {
  const { cut, limit, stalledMs, answerEndAtMs, grpcStatus } = exchange;
  // After a whole answer nobody is given up: a server that has not read the request to its end says so by NO_ERROR.
  const isCutShort = cut !== undefined && answerEndAtMs === undefined;
  const wasLate = limit?.header !== undefined && durationOf(exchange) > limit.timeoutMs;
  const isMalformed = (limit?.malformed.length ?? 0) > 0;
  const how = changedLimit(exchange)?.how;
  return (
    how === 'lost' ||
    how === 'raised' ||
    isCutShort ||
    isClosedWrong(exchange) ||
    isGivenUp(grpcStatus) ||
    isMalformed ||
    wasLate ||
    stalledMs.client + stalledMs.server >= NOTABLE_STALL_MS
  );
}

/** A WebSocket, by another code than those of an end that was meant, or with data after the close frame. */
function isClosedWrong({ webSocket }: WireExchange): boolean {
  const closes = Object.values(webSocket?.closes ?? {});
  return closes.some(
    ({ code, isFollowedByData }) => isFollowedByData || !MEANT_CODES.includes(code ?? NO_CODE),
  );
}

const NO_CODE = 1005;
/** Done, going away, none said. */
const MEANT_CODES = [1000, 1001, NO_CODE];

/** CANCELLED and DEADLINE_EXCEEDED, as the answer. */
function isGivenUp(grpcStatus: number | undefined): boolean {
  return grpcStatus === 1 || grpcStatus === 4;
}

/** A shorter one is the time that the news of an emptied buffer takes. */
const NOTABLE_STALL_MS = 10;

export function factsOf(exchange: WireExchange, told: ToldBySpans | undefined): Fact[] {
  const { requestAtMs, answerAtMs, requestEndAtMs, answerEndAtMs, cut, goaway, connectionEnd, webSocket } =
    exchange;
  const facts: Fact[] = [];
  const say = (atMs: number | undefined, by: Fact['by'], text: string) => {
    if (atMs !== undefined) facts.push({ atMs: atMs - requestAtMs, by, text });
  };
  if (told?.client?.timeoutMs !== undefined)
    say(requestAtMs, 'client span', `set ${inMs(told.client.timeoutMs)}`);
  const sent = limitText(exchange);
  say(requestAtMs, 'client', sent === '' ? 'request' : `request, ${sent}`);
  if (told?.server?.timeoutMs !== undefined)
    say(requestAtMs, 'server span', `read ${inMs(told.server.timeoutMs)}`);
  if (requestEndAtMs !== undefined && requestEndAtMs !== requestAtMs)
    say(requestEndAtMs, 'client', 'end of the request');
  say(answerAtMs, 'server', `answer, status ${exchange.status}`);
  const grpc = exchange.grpcStatus === undefined ? '' : `, grpc-status ${exchange.grpcStatus}`;
  if (webSocket === undefined) say(answerEndAtMs, 'server', `end of the answer${grpc}`);
  if (connectionEnd !== undefined && exchange.unansweredPingAtMs !== undefined)
    say(
      exchange.unansweredPingAtMs,
      connectionEnd.by,
      `PING, without an answer until it closed the connection ${inMs(connectionEnd.atMs - exchange.unansweredPingAtMs)} later`,
    );
  if (goaway !== undefined) say(goaway.atMs, goaway.by, `GOAWAY ${errorName(goaway.errorCode)}`);
  if (cut !== undefined) say(cut.atMs, cut.by, cutText(cut) + (webSocket === undefined ? '' : UNCLOSED));
  for (const side of ['client', 'server'] as const) {
    const close = webSocket?.closes[side];
    if (close !== undefined) say(close.atMs, side, closeText(close));
  }
  for (const side of ['client', 'server'] as const) {
    const { count, bytes, lastAtMs } = exchange.late[side];
    const what =
      exchange.protocol === 'HTTP/2'
        ? 'DATA frame'
        : webSocket !== undefined && cut === undefined
          ? 'frame'
          : 'packet';
    const those = count === 1 ? `one ${what}` : `the last of ${count} ${what}s`;
    if (count > 0) say(lastAtMs, side, `${those} after that: ${bytes} ${bytes === 1 ? 'byte' : 'bytes'}`);
  }
  sayCancel('client span', told?.client, say);
  sayCancel('server span', told?.server, say);
  // That of an HTTP/1.1 connection may be the cut itself.
  if (connectionEnd !== undefined && connectionEnd.atMs !== cut?.atMs)
    say(connectionEnd.atMs, 'connection', `closed by the ${connectionEnd.by}: ${connectionEnd.how}`);
  return facts.sort((one, other) => one.atMs - other.atMs);
}

/** What does not have an instant. */
export function remarksOn(exchange: WireExchange, told: ToldBySpans | undefined): string[] {
  const { limit, stalledMs, connectionEnd, connectionSeenAtMs, requestAtMs, cut, isPassedOn } = exchange;
  const remarks: string[] = (limit?.malformed ?? []).map(describeMalformed);
  for (const side of ['client', 'server'] as const) {
    const ms = stalledMs[side];
    if (ms >= NOTABLE_STALL_MS) remarks.push(`the ${side} had to wait ${inMs(ms)} for a WINDOW_UPDATE`);
  }
  if (connectionEnd === undefined && cut !== undefined) {
    const until = connectionSeenAtMs - cut.atMs;
    remarks.push(
      until > 0 ? `the connection goes on: in use ${inMs(until)} later` : 'the connection is not closed',
    );
  }
  if (exchange.hasUnreadHeaders) remarks.push(UNREAD);
  if (!isOver(exchange)) remarks.push(exchange.hasGap ? GAP : 'the capture ends before it does');
  const changed = changedLimit(exchange);
  if (changed !== undefined) {
    const { how, before } = changed;
    remarks.push(
      `the limit was ${how} on the way: ${before.client} → ${before.server} has ${limitText(before) || NONE}, this one ${limitText(exchange) || NONE}`,
    );
  }
  if (told?.isByAddress === true) remarks.push(byAddressText(told));
  const [set, read] = [told?.client?.timeoutMs, told?.server?.timeoutMs];
  if (told?.server !== undefined && limit?.header !== undefined && read === undefined && !isPassedOn)
    remarks.push('the server has read no limit of what was sent');
  if (
    set !== undefined &&
    limit === undefined &&
    !exchange.hasUnreadHeaders &&
    exchange.hopBefore === undefined
  )
    remarks.push('the limit of the client was not sent');
  const offMs = told?.client && Math.abs(told.client.span.startMs - requestAtMs);
  if (offMs !== undefined && offMs > CLOCKS_OFF_MS)
    remarks.push(
      `the clock of the client's span is ${inMs(offMs)} away from that of the capture, or the request waited`,
    );
  return remarks;
}

/** Nothing was sent by which the server would have joined the client's trace. */
function byAddressText({ client, server }: ToldBySpans): string {
  const traces = [client && ` ${client.span.traceId} of the client`, server && ` ${server.span.traceId}`];
  const known = traces.filter((trace) => trace !== undefined);
  return `no traceparent was sent: trace${known.join(', trace')}, by address, path and time`;
}

const NONE = 'none';
const UNREAD =
  'some of its headers cannot be read: they are said by numbers that were given in packets which are not in the capture';
const GAP = 'packets of its connection are missing from the capture: what became of it is not known';

const CLOCKS_OFF_MS = 1_000;

function sayCancel(
  by: Fact['by'],
  told: SideTold | undefined,
  say: (atMs: number | undefined, by: Fact['by'], text: string) => void,
): void {
  const cancel = told?.cancel;
  if (cancel === undefined) return;
  const { outcome, initiator, trigger, origin } = cancel;
  const who = [initiator, trigger].filter((part) => part !== undefined).join(', ');
  say(cancel.atMs, by, `${outcome} (${who})${origin === undefined ? '' : `: ${origin}`}`);
}

/** Empty where no header says one. */
function limitText({ limitHeaders, limit }: Pick<WireExchange, 'limitHeaders' | 'limit'>): string {
  const decoded = limit?.header === undefined ? 'no limit' : inMs(limit.timeoutMs);
  const sent = limitHeaders.map(([name, value]) => `${name}: ${value.slice(0, 64)}`);
  return sent.length === 0 ? '' : `${sent.join(', ')} = ${decoded}`;
}

function cutText({ how, errorCode }: NonNullable<WireExchange['cut']>): string {
  return how === 'RST_STREAM' ? `RST_STREAM ${errorName(errorCode)}` : `closed the connection: ${how}`;
}

const UNCLOSED = ', without a close frame (1006)';

function closeText({ code, reason, isFollowedByData }: WebSocketClose): string {
  const said = code === undefined ? `close frame without a code (${NO_CODE})` : `close frame ${code}`;
  return `${said}${reason === '' ? '' : `: ${reason}`}${isFollowedByData ? ', and data after it' : ''}`;
}

function errorName(code: number | undefined): string {
  return http2ErrorName(code) ?? `code ${code}`;
}

function durationOf({ requestAtMs, answerAtMs, answerEndAtMs, cut, webSocket }: WireExchange): number {
  // A limit is that of opening it.
  if (webSocket !== undefined) return (answerAtMs ?? requestAtMs) - requestAtMs;
  return (answerEndAtMs ?? cut?.atMs ?? requestAtMs) - requestAtMs;
}

export function inMs(ms: number): string {
  return `${Math.abs(ms) < 9.95 ? Math.round(ms * 10) / 10 : Math.round(ms)} ms`;
}

/**
 * Server processes that vanished with requests in flight (SIGKILL, out of memory, a power cut): all that is left of those is what
 * their clients saw. A reset alone says little: whoever sends into an idle connection while the server closes it sees one as well,
 * and a server that lives, but whose spans are lost, is as silent as a dead one. So each of that has to be shown not to be. Pure.
 */
import {
  ATTR_ERROR_TYPE,
  ATTR_HTTP_RESPONSE_STATUS_CODE,
  ATTR_NETWORK_PEER_ADDRESS,
  ATTR_NETWORK_PEER_PORT,
  ATTR_RPC_STATUS_CODE,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
} from '@opentelemetry/semantic-conventions';
import { SPAN_SHUTDOWN } from '../telemetry/attributes.ts';
import { groupBy } from './group-by.ts';
import type { ExportedSpan, SpanKind } from './span.ts';

export interface Vanished {
  readonly serviceName: string;
  readonly address: string;
  /** CLIENT spans of what was in flight. */
  readonly spans: readonly ExportedSpan[];
}

/** Connections of one process are reset at once, and a client may be late to notice. */
const WINDOW_MS = 1_000;
/** Who sends into a connection that is closed already is told a round trip later, and no later than this. */
const ROUND_TRIP_MS = 500;
/** Spans go out in batches, every 5 s by default: so long after its end one of a process that lives is there. */
const EXPORTED_AFTER_MS = 10_000;
/** Of Node and undici, when the peer ends a connection in the middle of a request. */
const RESETS: readonly unknown[] = ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'];
/** Spans of these have their parent in the same process. */
export const WORK: readonly SpanKind[] = ['internal', 'client', 'producer'];

/** @param spans all that there are: a process of which one trace has no more may live on in another */
export function vanishedProcesses(spans: readonly ExportedSpan[]): Vanished[] {
  const served = new Map<string, ExportedSpan>();
  for (const span of spans) if (span.kind === 'server') served.set(span.traceId + span.parentSpanId, span);
  const callOf = (client: ExportedSpan): Call => ({
    client,
    server: served.get(client.traceId + client.spanId),
  });
  const lastMs = spans.reduce((latestMs, { endMs }) => Math.max(latestMs, endMs), 0);
  const outgoing = spans.filter(({ kind }) => kind === 'client');
  return [...groupBy(outgoing, addressOf)].flatMap(([address, clients]) => {
    if (address === undefined) return [];
    return groupsOfResets(clients).flatMap((group) => {
      const cutMs = group[0].endMs;
      if (lastMs < cutMs + EXPORTED_AFTER_MS || !isRefused(address, cutMs, outgoing)) return [];
      const before = clients.filter(({ endMs }) => endMs <= cutMs).map(callOf);
      // That it was recorded on the other side as well means that this side lived to do so.
      if (group.map(callOf).some(isServed) || !isRecorded(before, cutMs)) return [];
      const answered = before.filter(isServed);
      const processes = new Set(answered.map(({ server }) => processOf(server)));
      const isOfServer = (span: ExportedSpan): boolean => processes.has(processOf(span));
      if (spans.some((span) => isOfServer(span) && isSignOfLife(span, cutMs))) return [];
      const wasRead = group.some(
        (client) => hasHead(client) || wasOvertaken(client, answered) || hasWork(client, spans, isOfServer),
      );
      const [known] = answered;
      return known && wasRead ? { serviceName: known.server.serviceName, address, spans: group } : [];
    });
  });
}

type Group = [first: ExportedSpan, ...others: ExportedSpan[]];

/** By the end of the first. */
function groupsOfResets(clients: readonly ExportedSpan[]): Group[] {
  const groups: Group[] = [];
  for (const client of clients.filter(isReset).sort((a, b) => a.endMs - b.endMs)) {
    const group = groups.at(-1);
    if (group !== undefined && client.endMs - group[0].endMs <= WINDOW_MS) group.push(client);
    else groups.push([client]);
  }
  return groups;
}

interface Call {
  readonly client: ExportedSpan;
  readonly server: ExportedSpan | undefined;
}

interface ServedCall extends Call {
  readonly server: ExportedSpan;
}

function isServed(call: Call): call is ServedCall {
  return call.server !== undefined;
}

/** Where a request was answered that has no SERVER span, and would have it by then, any other need not have one either. */
function isRecorded(before: readonly Call[], cutMs: number): boolean {
  return !before.some(
    (call) => !isServed(call) && call.client.endMs < cutMs - EXPORTED_AFTER_MS && isAnswered(call.client),
  );
}

/** That it was asked to end is one, too, though it did so before. */
function isSignOfLife({ name, endMs }: ExportedSpan, cutMs: number): boolean {
  return name === SPAN_SHUTDOWN || endMs > cutMs;
}

/** Nobody listens at the address any more: a load balancer would, and the other workers of a cluster. */
function isRefused(address: string, afterMs: number, outgoing: readonly ExportedSpan[]): boolean {
  const text = `ECONNREFUSED ${address}`;
  return outgoing.some(({ endMs, status: { message } }) => {
    const at = message.indexOf(text);
    return endMs >= afterMs && at >= 0 && !/\d/.test(message.charAt(at + text.length));
  });
}

// What shows that the server had read a request, so that it was not lost with a connection that was closed already:

function hasHead({ attributes }: ExportedSpan): boolean {
  return attributes[ATTR_HTTP_RESPONSE_STATUS_CODE] !== undefined;
}

/** It waited on while one that was sent later was answered. */
function wasOvertaken({ startMs, durationMs }: ExportedSpan, answered: readonly ServedCall[]): boolean {
  return durationMs >= ROUND_TRIP_MS && answered.some(({ client }) => client.startMs >= startMs);
}

/** What the server did for it is there, and the SERVER span above is not. */
function hasWork(
  { traceId }: ExportedSpan,
  spans: readonly ExportedSpan[],
  isOfServer: (span: ExportedSpan) => boolean,
): boolean {
  const trace = spans.filter((span) => span.traceId === traceId);
  const ids = new Set<string | undefined>(trace.map(({ spanId }) => spanId)).add(undefined);
  return trace.some((span) => WORK.includes(span.kind) && isOfServer(span) && !ids.has(span.parentSpanId));
}

/** Where that is not known, all of a service are taken for one. */
export function processOf({ serviceName, processId = '' }: ExportedSpan): string {
  return `${serviceName} ${processId}`;
}

export function isReset({ attributes }: ExportedSpan): boolean {
  const type = attributes[ATTR_ERROR_TYPE];
  // A call that has come so far as to have a connection.
  if (type === 'UNAVAILABLE') return attributes[ATTR_NETWORK_PEER_ADDRESS] !== undefined;
  return RESETS.includes(type);
}

/** By the application: what only Node's parser has read is answered by 400 or more, and has no SERVER span. */
export function isAnswered({ attributes }: ExportedSpan): boolean {
  return (
    Number(attributes[ATTR_HTTP_RESPONSE_STATUS_CODE]) < 400 || attributes[ATTR_RPC_STATUS_CODE] === 'OK'
  );
}

export function addressOf({ attributes }: ExportedSpan): string | undefined {
  const host = attributes[ATTR_NETWORK_PEER_ADDRESS] ?? attributes[ATTR_SERVER_ADDRESS];
  const port = attributes[ATTR_NETWORK_PEER_PORT] ?? attributes[ATTR_SERVER_PORT];
  return host === undefined ? undefined : `${host}:${port ?? ''}`;
}

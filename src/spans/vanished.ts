/**
 * Server processes that vanished with requests in flight (SIGKILL, out of memory, a power cut): all that is left of those is that
 * their clients saw a reset. Pure.
 */
import {
  ATTR_ERROR_TYPE,
  ATTR_NETWORK_PEER_ADDRESS,
  ATTR_NETWORK_PEER_PORT,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
} from '@opentelemetry/semantic-conventions';
import { groupBy } from './group-by.ts';
import type { ExportedSpan } from './span.ts';

export interface Vanished {
  readonly serviceName: string;
  readonly address: string;
  /** CLIENT spans of what was in flight. */
  readonly spans: readonly ExportedSpan[];
}

/** Connections of one process are reset at once, and a client may be late to notice. */
const WINDOW_MS = 1_000;
/** Of Node and undici, when the peer ends a connection in the middle of a request. */
const RESETS: readonly unknown[] = ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'];

export function vanishedProcesses(spans: readonly ExportedSpan[]): Vanished[] {
  const served = new Map<string, ExportedSpan>();
  for (const span of spans) if (span.kind === 'server') served.set(span.traceId + span.parentSpanId, span);
  const serverOf = (client: ExportedSpan): ExportedSpan | undefined =>
    served.get(client.traceId + client.spanId);
  const outgoing = spans.filter(({ kind }) => kind === 'client');
  return [...groupBy(outgoing, addressOf)].flatMap(([address, clients]) => {
    if (address === undefined) return [];
    const servers = clients.flatMap((client) => serverOf(client) ?? []);
    return groupsOfResets(clients).flatMap((group) => {
      // That it was recorded on the other side as well means that this side lived to do so.
      if (group.some((client) => serverOf(client) !== undefined)) return [];
      const serviceName = goneAfter(group, servers, spans);
      return serviceName === undefined ? [] : { serviceName, address, spans: group };
    });
  });
}

/** By the end of the first. */
function groupsOfResets(clients: readonly ExportedSpan[]): ExportedSpan[][] {
  const groups: ExportedSpan[][] = [];
  for (const client of clients.filter(isReset).sort((a, b) => a.endMs - b.endMs)) {
    const group = groups.at(-1);
    const first = group?.[0];
    if (first !== undefined && client.endMs - first.endMs <= WINDOW_MS) group?.push(client);
    else groups.push([client]);
  }
  return groups;
}

/**
 * The name of the service at an address, when none of its processes that had served there shows any sign of life later. A
 * connection alone may be lost: an idle one is closed by a server that lives while a request is on its way.
 */
function goneAfter(
  group: readonly ExportedSpan[],
  servers: readonly ExportedSpan[],
  all: readonly ExportedSpan[],
): string | undefined {
  const firstMs = Math.min(...group.map(({ endMs }) => endMs));
  const before = servers.filter(({ endMs }) => endMs <= firstMs);
  const [known] = before;
  if (known === undefined) return undefined;
  const processes = new Set(before.map(processOf));
  const lives = all.some((span) => span.endMs > firstMs && processes.has(processOf(span)));
  return lives ? undefined : known.serviceName;
}

/** Where that is not known, all of a service are taken for one. */
function processOf({ serviceName, processId = '' }: ExportedSpan): string {
  return `${serviceName} ${processId}`;
}

function isReset({ attributes }: ExportedSpan): boolean {
  const type = attributes[ATTR_ERROR_TYPE];
  // A call that has come so far as to have a connection.
  if (type === 'UNAVAILABLE') return attributes[ATTR_NETWORK_PEER_ADDRESS] !== undefined;
  return RESETS.includes(type);
}

function addressOf({ attributes }: ExportedSpan): string | undefined {
  const host = attributes[ATTR_NETWORK_PEER_ADDRESS] ?? attributes[ATTR_SERVER_ADDRESS];
  const port = attributes[ATTR_NETWORK_PEER_PORT] ?? attributes[ATTR_SERVER_PORT];
  return host === undefined ? undefined : `${host}:${port ?? ''}`;
}

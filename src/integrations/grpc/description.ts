/** A call in the words of the semantic conventions: what is known when it starts, and what when it ends. */
import type { Attributes } from '@opentelemetry/api';
import {
  ATTR_ERROR_TYPE,
  ATTR_NETWORK_PEER_ADDRESS,
  ATTR_NETWORK_PEER_PORT,
  ATTR_RPC_METHOD,
  ATTR_RPC_STATUS_CODE,
  ATTR_RPC_SYSTEM_NAME,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
} from '@opentelemetry/semantic-conventions';
import type { Settlement, SpanDescription } from '../../operation/description.ts';
import type { Side } from '../../operation/operation.ts';
import { splitAddress, targetAddress } from './address.ts';
import type { Channel, ServerSession, StatusObject, Transport } from './internals.ts';
import { nameOf, OK } from './status.ts';

/** By method path, on the channel or the session: the same for every call of the method. */
const kDescriptions: unique symbol = Symbol('opentelemetry.cancellation.grpc.descriptions');
/** A proxy may see any number of methods. */
const MAX_METHODS = 1_000;

type Described<Owner> = Owner & { [kDescriptions]?: Descriptions };

interface Descriptions {
  readonly shared: Attributes;
  readonly byPath: Map<string, SpanDescription>;
}

export function describeCall(channel: Described<Channel>, path: string): SpanDescription {
  channel[kDescriptions] ??= { shared: channelAttributes(channel), byPath: new Map() };
  return describe(channel[kDescriptions], 'client', path);
}

export function describeIncoming(session: Described<ServerSession>, path: string): SpanDescription {
  session[kDescriptions] ??= { shared: sessionAttributes(session), byPath: new Map() };
  return describe(session[kDescriptions], 'server', path);
}

function describe({ shared, byPath }: Descriptions, side: Side, path: string): SpanDescription {
  const known = byPath.get(path);
  if (known !== undefined) return known;
  const name = methodOf(path);
  const attributes: Attributes = { [ATTR_RPC_SYSTEM_NAME]: 'grpc', [ATTR_RPC_METHOD]: name, ...shared };
  const description: SpanDescription = { side, system: 'grpc', name, attributes };
  if (byPath.size >= MAX_METHODS) byPath.clear();
  byPath.set(path, description);
  return description;
}

/** `/pkg.Service/Method` as the semantic conventions write it. */
export function methodOf(path: string): string {
  return path.startsWith('/') ? path.slice(1) : path;
}

function channelAttributes(channel: Channel): Attributes {
  const { address, port } = targetAddress(channel.getTarget());
  return defined({ [ATTR_SERVER_ADDRESS]: address, [ATTR_SERVER_PORT]: port });
}

function sessionAttributes({ socket }: ServerSession): Attributes {
  return defined({
    [ATTR_SERVER_ADDRESS]: socket?.localAddress,
    [ATTR_SERVER_PORT]: socket?.localPort,
    [ATTR_NETWORK_PEER_ADDRESS]: socket?.remoteAddress,
    [ATTR_NETWORK_PEER_PORT]: socket?.remotePort,
  });
}

function defined(attributes: Attributes): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));
}

/** Errors on a SERVER span: the others are the client's own doing (semantic conventions for gRPC). */
const SERVER_ERRORS: ReadonlySet<string> = new Set([
  'UNKNOWN',
  'DEADLINE_EXCEEDED',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
]);

/** The end of an answered call is the same for all calls of a connection. */
const kAnswered: unique symbol = Symbol('opentelemetry.cancellation.grpc.answered');

type MarkedTransport = Transport & { [kAnswered]?: Settlement };

/** @param transport the connection that the call went over, if it came so far */
export function describeResult(status: StatusObject, transport: MarkedTransport | undefined): Settlement {
  if (status.code !== OK) {
    const name = nameOf(status.code);
    return {
      attributes: { ...peerOf(transport), [ATTR_RPC_STATUS_CODE]: name, [ATTR_ERROR_TYPE]: name },
      isError: true,
      message: status.details,
    };
  }
  if (transport === undefined) return ANSWERED_OK;
  transport[kAnswered] ??= { attributes: { ...peerOf(transport), [ATTR_RPC_STATUS_CODE]: nameOf(OK) } };
  return transport[kAnswered];
}

function peerOf(transport: Transport | undefined): Settlement['attributes'] {
  if (transport === undefined) return undefined;
  const { address, port } = splitAddress(transport.getPeerName());
  return { [ATTR_NETWORK_PEER_ADDRESS]: address, [ATTR_NETWORK_PEER_PORT]: port };
}

const ANSWERED_OK: Settlement = { attributes: { [ATTR_RPC_STATUS_CODE]: nameOf(OK) } };

export function describeAnswer(code: number, details?: string): Settlement {
  if (code === OK) return ANSWERED_OK;
  const name = nameOf(code);
  if (!SERVER_ERRORS.has(name)) return { attributes: { [ATTR_RPC_STATUS_CODE]: name } };
  const attributes = { [ATTR_RPC_STATUS_CODE]: name, [ATTR_ERROR_TYPE]: name };
  return details === undefined
    ? { attributes, isError: true }
    : { attributes, isError: true, message: details };
}

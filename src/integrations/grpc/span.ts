/** Our own spans: what is known when the call starts. */
import type { Attributes } from '@opentelemetry/api';
import {
  ATTR_NETWORK_PEER_ADDRESS,
  ATTR_NETWORK_PEER_PORT,
  ATTR_RPC_METHOD,
  ATTR_RPC_SYSTEM_NAME,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
} from '@opentelemetry/semantic-conventions';
import type { SpanDescription } from '../../integration.ts';
import type { Side } from '../../operation/operation.ts';
import { targetAddress } from './address.ts';
import type { Channel, ServerSession } from './library.ts';

/** By method path, on the channel or the session: the same for every call of the method. */
const kDescriptions: unique symbol = Symbol('opentelemetry.cancellation.grpc.descriptions');
/** A proxy may see any number of methods. */
const MAX_METHODS = 1_000;

type Described<Owner> = Owner & { [kDescriptions]?: Descriptions };

interface Descriptions {
  readonly shared: Attributes;
  readonly byPath: Map<string, SpanDescription>;
}

export function describeClientCall(channel: Described<Channel>, path: string): SpanDescription {
  channel[kDescriptions] ??= { shared: channelAttributes(channel), byPath: new Map() };
  return describe(channel[kDescriptions], 'client', path);
}

export function describeServerCall(session: Described<ServerSession>, path: string): SpanDescription {
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

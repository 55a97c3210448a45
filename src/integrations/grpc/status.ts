/** gRPC status codes: their names, what of them is an error on which side, and the end of a span. */
import {
  ATTR_ERROR_TYPE,
  ATTR_NETWORK_PEER_ADDRESS,
  ATTR_NETWORK_PEER_PORT,
  ATTR_RPC_STATUS_CODE,
} from '@opentelemetry/semantic-conventions';
import type { Settlement } from '../../integration.ts';
import type { Outcome } from '../../operation/evidence.ts';
import { splitAddress } from './address.ts';
import type { StatusObject, Transport } from './library.ts';

const OK = 0;
export const CANCELLED = 1;
export const DEADLINE_EXCEEDED = 4;
export const INTERNAL = 13;

const NAMES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;

/** Errors on a SERVER span: the others are the client's own doing (semantic conventions for gRPC). */
const SERVER_ERRORS: ReadonlySet<string> = new Set([
  'UNKNOWN',
  'DEADLINE_EXCEEDED',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
]);

/** What a status says of a cancel, if anything. */
export function outcomeOf(code: unknown): Outcome | undefined {
  if (code === CANCELLED) return 'canceled';
  return code === DEADLINE_EXCEEDED ? 'deadline_exceeded' : undefined;
}

function nameOf(code: number): string {
  return NAMES[code] ?? String(code);
}

/** The end of an answered call is the same for all calls of a connection. */
const kAnswered: unique symbol = Symbol('opentelemetry.cancellation.grpc.answered');

type MarkedTransport = Transport & { [kAnswered]?: Settlement };

/** @param transport the connection that the call went over, if it came so far */
export function clientSettlement(status: StatusObject, transport: MarkedTransport | undefined): Settlement {
  if (status.code !== OK) {
    const name = nameOf(status.code);
    return {
      attributes: { ...peerOf(transport), [ATTR_RPC_STATUS_CODE]: name, [ATTR_ERROR_TYPE]: name },
      isError: true,
      message: status.details,
    };
  }
  if (transport === undefined) return SERVER_OK;
  transport[kAnswered] ??= { attributes: { ...peerOf(transport), [ATTR_RPC_STATUS_CODE]: nameOf(OK) } };
  return transport[kAnswered];
}

function peerOf(transport: Transport | undefined): Settlement['attributes'] {
  if (transport === undefined) return undefined;
  const { address, port } = splitAddress(transport.getPeerName());
  return { [ATTR_NETWORK_PEER_ADDRESS]: address, [ATTR_NETWORK_PEER_PORT]: port };
}

const SERVER_OK: Settlement = { attributes: { [ATTR_RPC_STATUS_CODE]: nameOf(OK) } };

export function serverSettlement(code: number, details?: string): Settlement {
  if (code === OK) return SERVER_OK;
  const name = nameOf(code);
  if (!SERVER_ERRORS.has(name)) return { attributes: { [ATTR_RPC_STATUS_CODE]: name } };
  const attributes = { [ATTR_RPC_STATUS_CODE]: name, [ATTR_ERROR_TYPE]: name };
  return details === undefined
    ? { attributes, isError: true }
    : { attributes, isError: true, message: details };
}

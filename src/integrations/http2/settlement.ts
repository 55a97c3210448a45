/** What a stream's span says at its end. */
import type { Attributes } from '@opentelemetry/api';
import { ATTR_ERROR_TYPE, ATTR_HTTP_RESPONSE_STATUS_CODE } from '@opentelemetry/semantic-conventions';
import type { Host, Settlement } from '../../integration.ts';
import { setPeer } from './description.ts';
import type { Exchange } from './exchange.ts';
import type { Stream } from './internals.ts';

/** @param stream undefined when Node refused to make one */
export function settleStream(host: Host, stream: Stream | undefined, exchange: Exchange): void {
  const { operation, connection, failure } = exchange;
  if (operation.isSettled) return;
  const attributes: Attributes = {};
  let isError = false;
  const status = connection.isClient ? exchange.status : sentStatus(stream);
  if (status !== undefined) {
    attributes[ATTR_HTTP_RESPONSE_STATUS_CODE] = status;
    isError = status >= (connection.isClient ? 400 : 500);
    if (isError) attributes[ATTR_ERROR_TYPE] = String(status);
  }
  if (failure !== undefined) {
    attributes[ATTR_ERROR_TYPE] = failure.type;
    isError = true;
  }
  const settlement: { -readonly [Key in keyof Settlement]: Settlement[Key] } = { attributes, isError };
  if (failure?.message !== undefined) settlement.message = failure.message;
  if (connection.isClient) {
    connection.learnPeer();
    setPeer(attributes, connection);
  }
  host.settle(operation, settlement);
}

/** Undefined when no head was sent, whatever one was meant to be. */
function sentStatus(stream: Stream | undefined): number | undefined {
  const status = stream?.headersSent ? stream.sentHeaders?.[':status'] : undefined;
  return status === undefined ? undefined : Number(status);
}

/** Addresses as grpc-js writes them. */

export interface Address {
  readonly address: string;
  readonly port: number | undefined;
}

/** `dns:host:1`, `dns://authority/host:1`, `ipv4:1.2.3.4:5`, `unix:/path`; grpc-js always names the scheme. */
const SCHEME = /^[a-z][a-z0-9+.-]*:(?:\/\/[^/]*\/)?/i;

/** Of the target of a channel: of several addresses (`ipv4:1.2.3.4:5,1.2.3.6:7`) all, since which one is not said. */
export function targetAddress(target: string): Address {
  const isPath = target.startsWith('unix:');
  const rest = target.replace(isPath ? /^unix:(?:\/\/)?/ : SCHEME, '');
  return isPath || rest.includes(',') ? { address: rest, port: undefined } : splitAddress(rest);
}

/** Of `host:port`, `[::1]:port` or `::1:port` (before 1.10), or a path without a port. */
export function splitAddress(text: string): Address {
  const colon = text.lastIndexOf(':');
  const port = Number(text.slice(colon + 1));
  if (colon < 1 || !Number.isInteger(port)) return { address: text, port: undefined };
  const address = text.slice(0, colon);
  return { address: address.startsWith('[') ? address.slice(1, -1) : address, port };
}

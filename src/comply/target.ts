/** The one address that is asked, and how it is connected to. */
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { UserError } from '../spans/user-error.ts';

export interface Target {
  readonly url: URL;
  readonly protocol: 'http1' | 'http2' | 'grpc';
  /** Of HTTP; gRPC has POST. */
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Of gRPC with its five bytes before it. */
  readonly body: Buffer | undefined;
  /** PEM of who may have signed the certificate. Undefined: as Node has it. */
  readonly ca: Buffer | undefined;
  readonly isInsecure: boolean;
}

/** Nothing could be asked. */
export class Unreachable extends UserError {}

const CONNECT_LIMIT_MS = 5_000;

/** @throws {Unreachable} */
export async function connect(target: Target): Promise<net.Socket> {
  const { url } = target;
  const isTls = url.protocol === 'https:';
  const socket = isTls ? secure(target) : net.connect({ port: portOf(url), host: hostOf(url) });
  socket.setNoDelay(true);
  try {
    await once(socket, isTls ? 'secureConnect' : 'connect', {
      signal: AbortSignal.timeout(CONNECT_LIMIT_MS),
    });
  } catch (error) {
    socket.destroy();
    throw new Unreachable(`${url.origin} cannot be asked: ${whyNot(error as NodeJS.ErrnoException)}`);
  }
  const isHttp2 = target.protocol !== 'http1';
  if (isTls && isHttp2 && (socket as tls.TLSSocket).alpnProtocol !== 'h2') {
    socket.destroy();
    throw new Unreachable(`${url.origin} does not speak HTTP/2`);
  }
  return socket;
}

function secure({ url, protocol, ca, isInsecure }: Target): tls.TLSSocket {
  const host = hostOf(url);
  return tls.connect({
    port: portOf(url),
    host,
    ...(net.isIP(host) === 0 ? { servername: host } : {}),
    ...(ca === undefined ? {} : { ca }),
    rejectUnauthorized: !isInsecure,
    ALPNProtocols: [protocol === 'http1' ? 'http/1.1' : 'h2'],
  });
}

function whyNot({ code, name, message }: NodeJS.ErrnoException): string {
  if (code === 'ECONNREFUSED') return 'nothing listens there';
  if (code === 'ENOTFOUND') return 'no such host';
  if (name === 'AbortError') return `no connection within ${CONNECT_LIMIT_MS / 1_000} s`;
  // Newer Nodes give advice of their own after it.
  const [why] = message.split(';');
  if (/CERT|SIGNED|ISSUER/.test(String(code)))
    return `${why}; --ca FILE names who has signed it, --insecure takes any`;
  return message || String(code);
}

export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1');
}

function portOf(url: URL): number {
  return Number(url.port) || (url.protocol === 'https:' ? 443 : 80);
}

/**
 * gRPC by @grpc/grpc-js, client and server.
 *
 * Limitations. grpc-js has no hook for what is recorded here: its own classes are patched, in the versions
 * that are known. A client that answers no keepalive has gone away, and so has that of a session which the application
 * destroys by hand. The phases `dns`,
 * `connect` and `queued` are grpc-js's own view; the TLS handshake counts as `connect`, and up to 1.12 a
 * connection counts as one before its peer has said a word. An interceptor that ends a call with a status that
 * means failure (UNAVAILABLE, UNAUTHENTICATED, …) cancels nothing; a call that no interceptor ever starts has no span
 * of ours. A library that cancels a call because of a signal of AbortSignal.timeout(), but later than its listeners
 * run, is seen to call cancel(). Up to 1.11 a reset together with the end of its connection (forceShutdown() of the
 * server) looks like a lost connection to the client. Up to 1.9 only a grpc-timeout that overflows is seen to be
 * malformed. A unary or client-streaming handler that destroys its call and never calls back has a call in flight
 * until its client gives up. Clients of other makers, and grpc-web, are not seen.
 */
import type { Integration, PackageFile } from '../../integration.ts';
import { tellBundled } from './bundled.ts';
import { watchCalls, watchChannel, watchStreams } from './client-hooks.ts';
import { GRPC_PACKAGE, SUPPORTED_VERSIONS } from './internals.ts';
import { OFFICIAL_SCOPE } from './official.ts';
import { watchServer, watchServerCalls, watchServerCalls19, watchServerStreams } from './server-hooks.ts';
import { watchTimeouts } from './timeout-header.ts';

export const grpcIntegration: Integration = {
  name: 'grpc',
  install() {
    tellBundled();
    return () => {};
  },
  files: [
    file('channel.js', watchChannel),
    file('resolving-call.js', watchCalls),
    file('call.js', watchStreams),
    {
      ...file('server.js', watchServer),
      missedWhenLate: `calls under way and handlers that ${OFFICIAL_SCOPE} has wrapped`,
    },
    file('server-call.js', watchServerStreams),
    file('server-interceptors.js', watchServerCalls, ['>=1.10.0 <2']),
    file('server-interceptors.js', watchTimeouts, ['>=1.10.0 <2']),
    file('server-call.js', watchServerCalls19, ['>=1.9.0 <1.10.0']),
  ],
};

/**
 * Files, not the package: the hook for a whole package does not fire when an ES module imports it without
 * a loader, the hooks for its files do.
 */
function file(
  name: string,
  patch: PackageFile['patch'],
  supportedVersions = SUPPORTED_VERSIONS,
): PackageFile {
  return { packageName: GRPC_PACKAGE, supportedVersions, path: `build/src/${name}`, patch };
}

/**
 * fetch() of Node and the package undici (request, stream, pipeline, fetch, every dispatcher): who ended a
 * request, why, and how far it was.
 *
 * Limitations. The package's signals, queues and destroy() are seen where its files are loaded by
 * require(), or by an `import` without a bundler, or where its dispatcher is the global one; otherwise an
 * abort before the request is sent is noticed only when undici itself notices it, and a request that waits
 * in a pool has no span before it leaves it. The same holds for the second and later attempts of a
 * RetryAgent under fetch(), and for signals that are not Node's own (of a polyfill, of another realm). A response that
 * nobody reads ends when it is collected. CONNECT requests, and requests that the official instrumentation was told to
 * ignore, have no span. Over HTTP/2 undici takes a body that the server cuts off by a reset for complete, and version 6
 * waits on when a stream is reset with CANCEL before its head. With NODE_DEBUG=undici the package may keep silent,
 * because it takes our subscription for its own.
 */
import { undoAll } from '../../hook/replace.ts';
import type { Host } from '../../host.ts';
import type { Integration } from '../../integration.ts';
import { watchBody } from './body-hooks.ts';
import { abortCall } from './client.ts';
import { watchChannels } from './client-hooks.ts';
import { watchConnects } from './connection.ts';
import { watchDispatcher } from './dispatcher-hooks.ts';
import { watchFetch } from './fetch-hooks.ts';
import { findGlobalDispatchers } from './global-dispatchers.ts';
import { watchStreams } from './http2-streams.ts';
import { watchWaiting } from './queue.ts';
import { watchSignals } from './signals.ts';
import { watchOf } from './watch.ts';

const UNDICI = { packageName: 'undici', supportedVersions: ['>=6.0.0 <9'] } as const;

export const undiciIntegration: Integration = {
  name: 'undici',
  install(host: Host, installation) {
    const watch = watchOf(host, installation);
    const { undos } = watch;
    findGlobalDispatchers(watch);
    undos.push(
      watchSignals(watch, abortCall),
      watchConnects(watch),
      watchStreams(watch),
      watchWaiting(watch),
      watchChannels(watch),
      watchFetch(globalThis, host, installation),
    );
    return () => undoAll(undos);
  },
  files: [
    { ...UNDICI, path: 'lib/dispatcher/dispatcher-base.js', patch: watchDispatcher },
    { ...UNDICI, path: 'lib/web/fetch/index.js', patch: watchFetch },
    { ...UNDICI, path: 'lib/api/readable.js', patch: watchBody },
  ],
};

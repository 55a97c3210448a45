/** Servers of net/http and grpc-go, asked from outside: handlers that do what they should, and deaf ones. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { assertVerdicts, verdictsOf } from '../../comply/ask.ts';
import { findOrBuildPeer, GoServer } from '../../support/go-peer.ts';

const HTTP = ['--deadline-header', 'timeout-ms', '--callback-param', 'callback'];
const GRPC = ['--method', 'test.Echo/unary', '--callback-header', 'callback'];
const NOT_ENFORCED = { missing: 'not asked: needs --enforced' };

const found = await findOrBuildPeer();
if ('unavailable' in found) it('comply, of servers in Go', { skip: found.unavailable });
else await checkServers(found.binary);

async function checkServers(binary: string): Promise<void> {
  const server = await GoServer.start(binary);
  after(() => server.close());

  describe('a server in Go', { concurrency: true }, () => {
    const deaf = {
      'leave.downstream': 'fail: what it had called was still waited for',
    };
    for (const [title, address, options, hidden] of [
      [
        'net/http',
        `http://${server.http}`,
        [],
        {
          'leave.wire': 'cannot be told: over HTTP/1.1',
          'leave.connection': 'not asked: over HTTP/1.1',
        },
      ],
      ['net/http, h2c', `http://${server.http}`, ['--http2'], {}],
      ['net/http, TLS', `https://${server.https}`, ['--http2', '--insecure'], {}],
    ] as const) {
      it(`${title}: its handler keeps limits and cancels, and passes them on`, async () => {
        const told = await verdictsOf(`${address}/ask`, ...options, ...HTTP);
        assertVerdicts(told, { ...NOT_ENFORCED, ...hidden });
        assert.match(String(told.checks.get('wrong.timeout-ms.empty')?.seen), /^400 after/);
      });
      it(`${title}: its handler is deaf`, async () => {
        assertVerdicts(await verdictsOf(`${address}/deaf`, ...options, ...HTTP), {
          ...NOT_ENFORCED,
          ...hidden,
          ...deaf,
          'limit.timeout-ms': 'fail: 200 after',
          'limit.timeout-ms.passed-on': 'the full limit',
        });
      });
    }

    it('grpc-go: its handler keeps cancels, and passes them on', async () => {
      assertVerdicts(await verdictsOf(server.grpc, ...GRPC, '--header', 'do: ask'), NOT_ENFORCED);
    });
    it('grpc-go: its handler is deaf', async () => {
      assertVerdicts(await verdictsOf(server.grpc, ...GRPC, '--header', 'do: deaf'), {
        ...NOT_ENFORCED,
        ...deaf,
        'limit.grpc-timeout.passed-on': 'fail: called the callback server without a limit',
      });
    });
  });
}

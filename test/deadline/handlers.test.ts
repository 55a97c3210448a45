import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, beforeEach, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { currentDeadline, currentSignal, remainingMs, withDeadline } from '../../src/index.ts';
import { Telemetry } from '../support/telemetry.ts';

const telemetry = new Telemetry('alone');
const { ask, closeServers, serve } = await import('../integrations/http/chain.ts');
const { default: http } = await import('node:http');

after(closeServers);
beforeEach(() => telemetry.reset());

describe('in a handler', () => {
  it('the deadline of the request is known, and how much of it is left', async () => {
    const port = await serve(async (_request, response) => {
      await delay(20);
      const leftMs = remainingMs();
      const inMs = Number(currentDeadline()) - Date.now();
      response.end(JSON.stringify({ leftMs, inMs }));
    });
    const { leftMs, inMs } = JSON.parse((await ask(port, { 'timeout-ms': '5000' })).body);
    assert.ok(leftMs > 4_000 && leftMs <= 4_981, `${leftMs}`);
    assert.ok(Math.abs(inMs - leftMs) < 50, `${inMs}`);
  });

  it('without a deadline there is none', async () => {
    const port = await serve((_request, response) =>
      response.end(JSON.stringify([remainingMs() ?? 'none', currentDeadline() ?? 'none'])),
    );
    assert.equal((await ask(port)).body, '["none","none"]');
  });

  it('the signal aborts with an AbortError when the client leaves, before the response is closed', async () => {
    const seen: unknown[] = [];
    const told = new Promise<void>((resolve) => {
      void serve((_request, response) => {
        const signal = currentSignal();
        signal?.addEventListener('abort', () => seen.push((signal.reason as Error).name));
        response.on('close', () => {
          seen.push('close');
          resolve();
        });
        request.destroy();
      }).then((port) => {
        request = http.get({ port, host: '127.0.0.1' }).on('error', () => {});
      });
    });
    let request: ReturnType<typeof http.get>;
    await told;
    assert.deepEqual(seen, ['AbortError', 'close']);
  });

  it('the signal aborts with a TimeoutError when the deadline passes', async () => {
    const port = await serve(async (_request, response) => {
      const signal = currentSignal();
      assert.ok(signal);
      await once(signal, 'abort');
      response.end((signal.reason as Error).name);
    });
    assert.equal((await ask(port, { 'timeout-ms': '50' })).body, 'TimeoutError');
  });

  it('a request that was given the signal is cancelled with the incoming one: inherited', async () => {
    const slow = await serve(() => {});
    const hasAsked = new Promise<void>((resolve) => {
      void serve((_request, _response) => {
        const signal = currentSignal();
        http
          .get({ port: slow, host: '127.0.0.1', ...(signal ? { signal } : {}) })
          .on('error', () => {})
          .on('socket', () => setTimeout(resolve, 30));
      }).then((port) => {
        request = http.get({ port, host: '127.0.0.1' }).on('error', () => {});
      });
    });
    let request: ReturnType<typeof http.get> | undefined;
    await hasAsked;
    request?.destroy();
    await telemetry.allEnded();
    const inherited = telemetry.ended.find((span) => span.attributes['cancel.initiator'] === 'inherited');
    assert.equal(inherited?.attributes['cancel.trigger'], 'abort');
    assert.equal(inherited?.attributes['context.canceled'], true);
  });

  it('the signal does not abort when the request ends well, and no timer stays', async () => {
    let signal: AbortSignal | undefined;
    const port = await serve((_request, response) => {
      signal = currentSignal();
      response.end();
    });
    await ask(port, { 'timeout-ms': '60' });
    await delay(120);
    assert.equal(signal?.aborted, false);
  });
});

describe('outside of any request', () => {
  it('there is no deadline and no signal', () => {
    assert.equal(currentDeadline(), undefined);
    assert.equal(currentSignal(), undefined);
  });

  it('withDeadline() makes both', async () => {
    const reason = await withDeadline(30, async () => {
      assert.ok(Number(remainingMs()) <= 30);
      const signal = currentSignal();
      assert.ok(signal);
      await once(signal, 'abort');
      return signal.reason as Error;
    });
    assert.equal(reason.name, 'TimeoutError');
    assert.equal(currentSignal(), undefined);
  });

  it('withDeadline() never makes a limit longer', () => {
    withDeadline(50, () => withDeadline(5_000, () => assert.ok(Number(remainingMs()) <= 50)));
  });

  it('withDeadline() refuses what is no time', () => {
    for (const bad of [-1, Number.NaN, 'soon' as unknown as number]) {
      assert.throws(() => withDeadline(bad, () => {}), /timeoutMs must be a number of milliseconds/);
    }
  });

  it('withDeadline() hands on what is thrown and rejected', async () => {
    const error = new Error('of the function');
    assert.throws(
      () =>
        withDeadline(10, () => {
          throw error;
        }),
      error,
    );
    await assert.rejects(
      withDeadline(10, async () => {
        throw error;
      }),
      error,
    );
  });
});

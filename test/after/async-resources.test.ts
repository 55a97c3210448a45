import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import net from 'node:net';
import { after, beforeEach, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { SpanKind } from '@opentelemetry/api';
import type { TimedEvent } from '@opentelemetry/sdk-trace-base';
import { scriptUrl } from '../support/script.ts';
import { setup } from '../support/setup.ts';
import { Telemetry } from '../support/telemetry.ts';

/** Prints whether instrumentation switches a hook on, and whether disable() switches it off again. */
const SWITCHING = (config: string) => `
  const { default: hooks } = await import('node:async_hooks');
  const { createHook } = hooks;
  const enabled = new Set();
  hooks.createHook = (callbacks) => {
    const hook = createHook(callbacks);
    const { enable, disable } = hook;
    hook.enable = () => (callbacks.promiseResolve && enabled.add(hook), enable.call(hook));
    hook.disable = () => (enabled.delete(hook), disable.call(hook));
    return hook;
  };
  (await import('node:module')).syncBuiltinESMExports();
  const { Telemetry } = await import('${scriptUrl('../support/telemetry.ts', import.meta.url)}');
  const { instrumentation } = new Telemetry('alone', ${config});
  const sizes = [enabled.size];
  instrumentation.disable();
  sizes.push(enabled.size);
  instrumentation.enable();
  sizes.push(enabled.size);
  instrumentation.disable();
  sizes.push(enabled.size);
  console.log(sizes.join());
`;

const telemetry = new Telemetry(setup, { trackAsync: true });
const { closeServers, serve } = await import('../integrations/http/chain.ts');
const { default: http } = await import('node:http');

after(closeServers);
beforeEach(() => telemetry.reset());

type Handler = (request: IncomingMessage, response: ServerResponse) => unknown;

/** Asks, leaves when the handler says so, and reads what the SERVER span says was pending. */
async function pendingWhenLeft(handler: (leave: () => void) => Handler): Promise<TimedEvent[]> {
  const { promise: mayLeave, resolve: leave } = withResolvers();
  const closed = withResolvers();
  const port = await serve(handler(leave));
  // Not around the handler, which would be one more function on its stacks.
  const onStart = (message: unknown): void => {
    (message as { response: ServerResponse }).response.on('close', closed.resolve);
    unsubscribe('http.server.request.start', onStart);
  };
  subscribe('http.server.request.start', onStart);
  const request = http.get({ port, host: '127.0.0.1' }).on('error', () => {});
  await mayLeave;
  // Node tells of the end of a timer or an immediate one turn of its loop later.
  for (let turns = 0; turns < 2; turns++) await new Promise((resolve) => setImmediate(resolve));
  request.destroy();
  await closed.promise;
  await telemetry.allEnded();
  const server = telemetry.ended.find(({ kind }) => kind === SpanKind.SERVER);
  assert.equal(server?.attributes['context.canceled'], true);
  return server.events.filter(({ name }) => name === 'cancel.async');
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => {};
  const promise = new Promise<void>((resolveIt) => {
    resolve = resolveIt;
  });
  return { promise, resolve };
}

function ofType(events: TimedEvent[], type: string) {
  const found = events.filter(({ attributes }) => attributes?.['cancel.async.type'] === type);
  assert.ok(found.length <= 1, `${type} is told once`);
  return found[0]?.attributes;
}

describe(`async resources that are pending at the cancel, ${setup}`, () => {
  it('timers are counted, with the line that made most of them', async () => {
    const timers: NodeJS.Timeout[] = [];
    const events = await pendingWhenLeft((leave) => () => {
      function poll(): void {
        timers.push(setTimeout(() => {}, 60_000));
      }
      for (let count = 0; count < 5; count++) poll();
      timers.push(setTimeout(() => {}, 60_000));
      setImmediate(() => setImmediate(leave));
    });
    for (const timer of timers) clearTimeout(timer);
    const timeouts = ofType(events, 'Timeout');
    assert.equal(timeouts?.['cancel.async.count'], 6);
    assert.match(String(timeouts?.['cancel.async.origin']), /^poll \(.*async-resources\.test\.ts:\d+:\d+\)$/);
    assert.deepEqual(ofType(events, 'Immediate'), undefined, 'those ran');
  });

  it('a promise that nobody resolves is pending, those that were resolved or rejected are not', async () => {
    // One that nobody holds is collected, and no longer pending then.
    const held: Promise<void>[] = [];
    const never = await pendingWhenLeft((leave) => () => {
      async function hang(): Promise<void> {
        for (let count = 0; count < 50; count++) await null;
        await Promise.reject(new Error('expected')).catch(() => {});
        leave();
        const forever = new Promise<void>(() => {});
        held.push(forever);
        await forever;
      }
      void hang();
    });
    const promises = ofType(never, 'PROMISE');
    const count = Number(promises?.['cancel.async.count']);
    assert.ok(count >= 2 && count <= 4, `hang(), what it awaits, and V8's own for the await: ${count}`);
    assert.match(String(promises?.['cancel.async.origin']), /^hang \(.*async-resources\.test\.ts:/);
    assert.equal(held.length, 1);
  });

  it('the most frequent type comes first', async () => {
    const timers: NodeJS.Timeout[] = [];
    const events = await pendingWhenLeft((leave) => () => {
      for (let count = 0; count < 20; count++) timers.push(setTimeout(() => {}, 60_000));
      void new Promise(() => {});
      setImmediate(leave);
    });
    for (const timer of timers) clearTimeout(timer);
    const counts = events.map(({ attributes }) => Number(attributes?.['cancel.async.count']));
    assert.equal(events[0]?.attributes?.['cancel.async.type'], 'Timeout');
    assert.deepEqual(
      counts,
      [...counts].sort((a, b) => b - a),
    );
  });

  it('a thousand are followed, and no more', async () => {
    const timers: NodeJS.Timeout[] = [];
    const events = await pendingWhenLeft((leave) => () => {
      for (let count = 0; count < 1_500; count++) timers.push(setTimeout(() => {}, 60_000));
      setImmediate(leave);
    });
    for (const timer of timers) clearTimeout(timer);
    const total = events.reduce((sum, { attributes }) => sum + Number(attributes?.['cancel.async.count']), 0);
    assert.ok(total > 900 && total <= 1_000, `${total}`);
  });

  it('a handler that waits for nothing has nothing pending but the stream that it holds', async () => {
    const events = await pendingWhenLeft((leave) => () => {
      clearTimeout(setTimeout(() => {}, 60_000));
      setImmediate(() => setImmediate(leave));
    });
    assert.equal(ofType(events, 'Timeout'), undefined);
    assert.equal(ofType(events, 'PROMISE'), undefined);
  });

  describe('the depth of', () => {
    const deep = (depth: number, leaf: () => unknown): unknown =>
      depth === 1 ? leaf() : deep(depth - 1, leaf);
    const awaiting = async (depth: number, leaf: () => unknown): Promise<unknown> => {
      await null;
      return await (depth === 1 ? leaf() : awaiting(depth - 1, leaf));
    };
    // Node's own functions, so that they are called by the last one of these.
    const get: (url: string) => unknown = http.get;
    const pause = delay.bind(null, 60_000, undefined, { ref: false });

    for (const [by, call] of Object.entries({ calls: deep, 'functions that await': awaiting })) {
      for (const depth of [1, 3, 10]) {
        it(`a timer is that of the functions that led to it: ${depth} ${by}`, async () => {
          const events = await pendingWhenLeft((leave) => async () => {
            setImmediate(() => setImmediate(leave));
            // This function is one of them.
            await (depth === 1 ? pause() : call(depth - 1, pause));
          });
          const timeout = ofType(events, 'Timeout');
          assert.equal(timeout?.['cancel.async.depth'], depth);
          assert.equal(timeout?.['cancel.async.count'], 1);
          const stack = String(timeout?.['cancel.async.stacktrace']).split('\n');
          assert.equal(stack.filter((line) => line.includes('async-resources.test.ts')).length, depth);
          assert.ok(Number(timeout?.['cancel.async.elapsed_ms']) < 5_000);
        });
      }
    }

    it('a timer of a timer is that of both', async () => {
      const timers: NodeJS.Timeout[] = [];
      const events = await pendingWhenLeft((leave) => () => {
        timers.push(
          setTimeout(function first() {
            timers.push(
              setTimeout(function second() {
                timers.push(setTimeout(() => {}, 60_000));
                leave();
              }, 1),
            );
          }, 1),
        );
      });
      for (const timer of timers) clearTimeout(timer);
      const timeout = ofType(events, 'Timeout');
      assert.equal(timeout?.['cancel.async.depth'], 3);
      const stack = String(timeout?.['cancel.async.stacktrace']);
      assert.match(stack, /second .*first .*Server\./s);
    });

    it('one thing after the other does not grow', async () => {
      const events = await pendingWhenLeft((leave) => async () => {
        for (let times = 0; times < 200; times++) await null;
        leave();
        await Promise.resolve(pause()).catch(() => {});
      });
      assert.equal(ofType(events, 'Timeout')?.['cancel.async.depth'], 1);
    });

    for (const depth of [1, 3, 10]) {
      it(`a socket is that of the functions that asked: ${depth}`, async () => {
        const silent = net.createServer();
        await once(silent.listen(0, '127.0.0.1'), 'listening');
        const { port } = silent.address() as net.AddressInfo;
        const sockets: net.Socket[] = [];
        silent.on('connection', (socket) => sockets.push(socket.on('error', () => {})));
        const events = await pendingWhenLeft((leave) => (_request, response) => {
          silent.once('connection', leave);
          // Node's own function, as above.
          const ask: () => unknown = get.bind(null, `http://127.0.0.1:${port}`);
          const asked = (depth === 1 ? ask() : deep(depth - 1, ask)) as ClientRequest;
          asked.on('error', () => {});
          response.on('close', () => setImmediate(() => asked.destroy()));
        });
        silent.close();
        for (const socket of sockets) socket.destroy();
        assert.equal(ofType(events, 'TCPWRAP')?.['cancel.async.depth'], depth);
      });
    }
  });

  it('a handler that goes on: how long for each type', async () => {
    const events = await pendingWhenLeft((leave) => async (_request, response) => {
      setImmediate(() => setImmediate(leave));
      await once(response, 'close').catch(() => {});
      await delay(60);
      const file = await open(fileURLToPath(import.meta.url));
      await file.close();
      await delay(40);
    });
    assert.ok(events.length > 0);
    const findWork = () => telemetry.ended.find(({ name }) => name === 'work after cancel');
    for (let times = 0; times < 500 && findWork() === undefined; times++) await delay(10);
    const work = findWork();
    const wastedMs = Number(work?.attributes['cancel.wasted_ms']);
    const pending = work?.events.filter(({ name }) => name === 'cancel.async') ?? [];
    const timeouts = ofType(pending, 'Timeout');
    const timeoutsMs = Number(timeouts?.['cancel.async.wasted_ms']);
    assert.ok(timeoutsMs > 90 && timeoutsMs <= wastedMs, `${timeoutsMs} of ${wastedMs}`);
    assert.equal(timeouts?.['cancel.async.depth'], 1);
    const filesMs = Number(ofType(pending, 'FSREQPROMISE')?.['cancel.async.wasted_ms']);
    assert.ok(filesMs >= 0 && filesMs < 60, `${filesMs}`);
    const times = pending.map(({ attributes }) => Number(attributes?.['cancel.async.wasted_ms']));
    assert.deepEqual(
      times,
      [...times].sort((a, b) => b - a),
    );
  });

  it('another operation has its own, and one that is answered says nothing', async () => {
    const port = await serve(async (_request, response) => {
      const file = await open(fileURLToPath(import.meta.url));
      await file.close();
      await delay(20);
      response.end('done');
    });
    const [answer] = await once(http.get({ port, host: '127.0.0.1' }), 'response');
    await once(answer.resume(), 'end');
    await telemetry.allEnded();
    assert.deepEqual(
      telemetry.ended.flatMap((span) => span.events).filter(({ name }) => name === 'cancel.async'),
      [],
    );
  });

  it('a CLIENT span has none', () => {
    for (const { kind, events } of telemetry.ended) {
      if (kind === SpanKind.CLIENT) assert.ok(events.every(({ name }) => name !== 'cancel.async'));
    }
  });
});

for (const [config, expected] of [
  ['{ trackAsync: true }', '1,0,1,0'],
  ['{}', '0,0,0,0'],
] as const) {
  it(`with ${config} enable(), disable() and both again leave so many hooks: ${expected}`, () => {
    // In a process of its own, where hooks are counted from the start.
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', SWITCHING(config)], {
      encoding: 'utf8',
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
    });
    assert.equal(stdout.trim(), expected, stderr);
  });
}

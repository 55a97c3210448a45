import assert from 'node:assert/strict';
import { getEventListeners, once } from 'node:events';
import { after, beforeEach, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { currentDeadline, currentSignal, remainingMs } from '../../src/index.ts';
import {
  answerAtOnce,
  drain,
  GrpcService,
  KINDS,
  loadGrpc,
  startCall,
} from '../integrations/grpc/service.ts';
import { setup } from '../support/setup.ts';
import { Telemetry } from '../support/telemetry.ts';

const telemetry = new Telemetry(setup);
const service = await new GrpcService(loadGrpc()).listen();
const client = await service.client();

after(() => service.close());
beforeEach(() => telemetry.reset());

for (const kind of KINDS) {
  describe(`in a gRPC handler, ${kind}, ${setup}`, () => {
    it('the deadline of the call is known', async () => {
      let seen: (number | undefined)[] = [];
      service.handler = (call, answer) => {
        seen = [remainingMs(), Number(currentDeadline()) - Date.now()];
        answerAtOnce(call, answer);
      };
      const { call, ended } = startCall(client, kind, { deadline: Date.now() + 20_000 });
      drain(call);
      if (kind === 'clientStream' || kind === 'bidi') call.end();
      assert.equal(await ended, null);
      for (const leftMs of seen) assert.ok(Number(leftMs) > 10_000 && Number(leftMs) <= 20_010, `${leftMs}`);
    });

    it('without one there is none', async () => {
      let seen: unknown;
      service.handler = (call, answer) => {
        seen = [remainingMs(), currentDeadline()];
        answerAtOnce(call, answer);
      };
      const { call, ended } = startCall(client, kind);
      drain(call);
      if (kind === 'clientStream' || kind === 'bidi') call.end();
      assert.equal(await ended, null);
      assert.deepEqual(seen, [undefined, undefined]);
    });

    it('the signal tells a client that left from a deadline that passed', async () => {
      assert.equal(await reasonOf({}, 'leave'), 'AbortError');
      assert.equal(await reasonOf({ deadline: Date.now() + 30_000 }, 'leave'), 'AbortError');
      // Client and server have a timer each: on a busy machine that of the client may be first, and it leaves.
      for (let attempt = 1; attempt < 5; attempt++)
        if ((await reasonOf({ deadline: Date.now() + 300 }, 'stay')) === 'TimeoutError') return;
      assert.equal(await reasonOf({ deadline: Date.now() + 300 }, 'stay'), 'TimeoutError');
    });

    async function reasonOf(options: { deadline?: number }, then: 'leave' | 'stay'): Promise<string> {
      const aborted = new Promise<string>((resolve) => {
        void service.hold(() => {
          const signal = currentSignal();
          assert.ok(signal);
          void once(signal, 'abort').then(() => resolve((signal.reason as Error).name));
          if (then === 'leave') setTimeout(() => call.cancel(), 20);
        });
      });
      const { call, ended } = startCall(client, kind, options);
      await ended;
      return await aborted;
    }

    it('the signal is freed when the call ends well', async () => {
      let signal: AbortSignal | undefined;
      service.handler = (call, answer) => {
        signal = currentSignal();
        answerAtOnce(call, answer);
      };
      const { call, ended } = startCall(client, kind, { deadline: Date.now() + 150 });
      drain(call);
      if (kind === 'clientStream' || kind === 'bidi') call.end();
      assert.equal(await ended, null);
      await delay(200);
      assert.equal(signal?.aborted, false);
      assert.equal(getEventListeners(signal as AbortSignal, 'abort').length, 0);
    });
  });
}

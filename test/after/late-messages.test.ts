import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, beforeEach, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import {
  cancelled,
  GrpcService,
  loadGrpc,
  type ServerCall,
  startCall,
} from '../integrations/grpc/service.ts';
import { setup } from '../support/setup.ts';
import { Telemetry } from '../support/telemetry.ts';

const telemetry = new Telemetry(setup, { maxWorkAfterCancelMs: 600 });
const service = await new GrpcService(loadGrpc()).listen();
const client = await service.client();

after(() => service.close());
beforeEach(() => telemetry.reset());

const works = (): ReadableSpan[] => telemetry.ended.filter(({ name }) => name === 'work after cancel');

/** The work span, which must be a child of the cancelled CLIENT span. */
function workOfClient(): ReadableSpan | undefined {
  const [work, ...more] = works();
  assert.deepEqual(more, []);
  const clientSpan = telemetry.ended.find(({ kind }) => kind === 2);
  if (work !== undefined) assert.equal(work.parentSpanContext?.spanId, clientSpan?.spanContext().spanId);
  assert.deepEqual(telemetry.endedTwice, []);
  return work;
}

/** More than the buffers of the client's stream hold. */
function sendMany(call: ServerCall): void {
  for (let count = 0; count < 50; count++) call.write({ text: `${count}` });
}

describe(`messages after the cancel, ${setup}`, () => {
  for (const kind of ['serverStream', 'bidi'] as const) {
    it(`${kind}: a loop that cancels and goes on receiving`, async () => {
      const entered = service.hold(sendMany);
      const { call } = startCall(client, kind);
      const serverCall = await entered;
      let late = 0;
      let isCancelled = false;
      await assert.rejects(async () => {
        for await (const _message of call) {
          if (isCancelled) late++;
          else {
            // The buffer fills meanwhile.
            await delay(50);
            call.cancel();
            isCancelled = true;
          }
        }
      }, /Cancelled on client/);
      if (!serverCall.cancelled) await cancelled(serverCall);
      await telemetry.allEnded();
      const work = workOfClient();
      assert.ok(late > 1, 'the stream did deliver more');
      assert.equal(work?.attributes['cancel.late_messages'], late);
      assert.equal(work.attributes['cancel.settled'], true);
      // It takes no time worth telling, except on a busy machine.
      const isQuick = Number(work.attributes['cancel.wasted_ms']) < 100;
      assert.equal(work.attributes['cancel.finding'], isQuick ? undefined : 'work_after_cancel');
    });

    it(`${kind}: a slow loop that goes on after the deadline`, async () => {
      service.handler = sendMany;
      const { call } = startCall(client, kind, { deadline: Date.now() + 100 });
      let received = 0;
      await assert.rejects(async () => {
        for await (const _message of call) {
          received++;
          await delay(received < 3 ? 70 : 10);
        }
      }, /Deadline exceeded/);
      await telemetry.allEnded();
      const work = workOfClient();
      const lateMessages = Number(work?.attributes['cancel.late_messages']);
      assert.ok(lateMessages > 1 && lateMessages < received, `${lateMessages} of ${received}`);
      assert.ok(Number(work?.attributes['cancel.wasted_ms']) >= 100);
      assert.equal(work?.attributes['cancel.finding'], 'work_after_cancel');
      assert.match(String(work.events[0]?.attributes?.['cancel.finding.detail']), /^the receiver went on/);
    });

    it(`${kind}: a stream that is left unread after the cancel is given up`, async () => {
      const entered = service.hold(sendMany);
      const { call, ended } = startCall(client, kind);
      await entered;
      await once(call, 'data');
      call.pause();
      await delay(50);
      call.cancel();
      await ended;
      assert.notEqual(call.read(), null);
      await delay(700);
      const work = workOfClient();
      assert.equal(work?.attributes['cancel.late_messages'], 1);
      assert.equal(work.attributes['cancel.settled'], false);
      assert.ok(Number(work.attributes['cancel.wasted_ms']) < 500);
      call.resume();
      await once(call, 'end');
      assert.equal(works().length, 1, 'not once more');
    });

    it(`${kind}: a listener hears nothing more, and there is nothing to tell`, async () => {
      const entered = service.hold(sendMany);
      const { call, ended } = startCall(client, kind);
      await entered;
      await once(
        call.on('data', () => {}),
        'data',
      );
      call.cancel();
      await ended;
      await telemetry.allEnded();
      await delay(30);
      assert.deepEqual(works(), []);
    });

    it(`${kind}: what the server sent before it answered CANCELLED is not late`, async () => {
      const entered = service.hold((call) => {
        for (let count = 0; count < 3; count++) call.write({ text: `${count}` });
        call.emit('error', { code: 1, details: 'enough' });
      });
      const { call } = startCall(client, kind);
      await entered;
      await assert.rejects(async () => {
        for await (const _message of call) await delay(30);
      }, /enough/);
      await telemetry.allEnded();
      assert.deepEqual(works(), []);
    });
  }
});

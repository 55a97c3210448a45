/** disable() while operations are in flight: spans of ours end, official ones go on, and the application sees nothing. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { beforeEach, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { answerAtOnce, KINDS } from './integrations/grpc/service.ts';
import { answerHttp2, startInFlightLab } from './support/in-flight-lab.ts';
import { setup } from './support/setup.ts';
import { Telemetry } from './support/telemetry.ts';

const telemetry = new Telemetry(setup);
const { http, http2, url, arrived, heldCall } = await startInFlightLab();

/** Whose are the spans of this operation. */
const officialToo = setup === 'alone' ? 'ours' : 'official';

beforeEach(() => {
  telemetry.instrumentation.enable();
  telemetry.reset();
});

/** Switches off, says what the spans must be, lets the operation end, and looks whether that made any difference to ours. */
async function switchOff(whose: 'ours' | 'official', finish: () => Promise<unknown>): Promise<void> {
  const before = telemetry.open.size;
  assert.equal(before, 2, 'a CLIENT and a SERVER span are open');
  telemetry.instrumentation.disable();
  assert.equal(telemetry.open.size, whose === 'ours' ? 0 : 2);
  await finish();
  await telemetry.allEnded();
  assert.equal(telemetry.ended.length, 2);
  for (const { attributes, events } of telemetry.ended) {
    const said = [...Object.keys(attributes), ...events.map(({ name }) => name)];
    const ours = said.filter((name) => /^(?:cancel|context|deadline)[._]/.test(name));
    const fromTheStart = ['deadline.timeout_ms', 'deadline.source'];
    assert.deepEqual(
      ours.filter((name) => !fromTheStart.includes(name)),
      [],
    );
  }
  assert.deepEqual(telemetry.endedTwice, []);
  assert.deepEqual(telemetry.diagnostics, []);
}

describe(`disable() in mid flight, ${setup}`, () => {
  for (const kind of KINDS) {
    it(`gRPC, ${kind}: the call succeeds later`, async () => {
      const { serverCall, answer, ended } = await heldCall(kind, { deadline: Date.now() + 10_000 });
      await switchOff(officialToo, async () => {
        answerAtOnce(serverCall, answer);
        assert.equal(await ended, null);
      });
    });

    it(`gRPC, ${kind}: the call is cancelled later`, async () => {
      const { call, serverCall, ended } = await heldCall(kind);
      // The official instrumentation alone never ends the SERVER span of a cancelled call.
      const isLeftOpen = officialToo === 'official';
      telemetry.instrumentation.disable();
      assert.equal(telemetry.open.size, isLeftOpen ? 2 : 0);
      const told = once(serverCall, 'cancelled');
      call.cancel();
      assert.equal((await ended)?.code, 1);
      await told;
      assert.ok(telemetry.ended.every(({ attributes }) => !('context.canceled' in attributes)));
    });
  }

  for (const isAborted of [false, true]) {
    const how = isAborted ? 'is aborted' : 'succeeds';

    it(`http: the request ${how} later`, async () => {
      const response = arrived();
      const controller = new AbortController();
      const request = http.get(url, { signal: controller.signal }, (answer) => answer.resume());
      request.on('error', () => {});
      const end = new Promise((resolve) => request.once('close', resolve));
      const served = await response;
      await switchOff(officialToo, async () => {
        if (isAborted) controller.abort();
        else served.end('late');
        await end;
        if (isAborted && !served.closed) await once(served, 'close');
      });
    });

    it(`fetch: the request ${how} later`, async () => {
      const response = arrived();
      const controller = new AbortController();
      const promise = fetch(url, { signal: controller.signal }).then((answer) => answer.text());
      const end = promise.catch((error: Error) => error.name);
      const served = await response;
      await switchOff(officialToo, async () => {
        if (isAborted) controller.abort();
        else served.end('late');
        assert.equal(await end, isAborted ? 'AbortError' : 'late');
        if (isAborted && !served.closed) await once(served, 'close');
      });
    });

    it(`HTTP/2: the request ${how} later`, async () => {
      const peer = await http2.serve(() => {});
      const { client: stream, stream: served, over } = await peer.arrived();
      await switchOff('ours', async () => {
        if (isAborted) stream.close(8);
        else answerHttp2(served);
        stream.resume();
        await over;
      });
    });
  }

  it('switched on again, it sees what begins now, and nothing of before', async () => {
    const before = arrived();
    const first = http.get(url, (answer) => answer.resume());
    const servedFirst = await before;
    telemetry.instrumentation.disable();
    telemetry.instrumentation.enable();
    const second = arrived();
    const request = http.get(url).on('error', () => {});
    const served = await second;
    request.destroy();
    await once(served, 'close');
    servedFirst.end();
    await once(first, 'close');
    await telemetry.allEnded();
    await delay(20);
    const cancelled = telemetry.ended.filter(({ attributes }) => attributes['context.canceled'] === true);
    assert.deepEqual(cancelled.map(({ kind }) => kind).sort(), [1, 2]);
    assert.equal(telemetry.ended.length, 4);
    assert.deepEqual(telemetry.endedTwice, []);
  });
});

import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { after, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Telemetry } from '../../support/telemetry.ts';
import { HttpLab, read } from './lab.ts';

const telemetry = new Telemetry('alone');
const lab = new HttpLab();
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

describe('node:http, what stays when a request is over', () => {
  after(() => lab.close());

  it('nothing of its messages, though work that its handler began runs on', async () => {
    const messages: WeakRef<IncomingMessage | ServerResponse>[] = [];
    const { at } = await lab.serve((request, response) => {
      messages.push(new WeakRef(request), new WeakRef(response));
      // Holds the context in which it was made, as everything asynchronous does.
      const background = setInterval(() => {}, 60_000);
      lab.onClose(() => clearInterval(background));
      response.end();
    });
    await read(lab.http.get(at));
    await telemetry.allEnded();
    const isThere = (): boolean => messages.some((message) => message.deref() !== undefined);
    for (let round = 0; round < 50 && isThere(); round++) {
      await delay(10);
      collect();
    }
    assert.equal(messages.length, 2);
    assert.equal(isThere(), false);
  });
});

/** What real servers do not show of the work after a cancel; all else is in test/after. */
import assert from 'node:assert/strict';
import { it, mock } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { hrTimeToMilliseconds } from '@opentelemetry/core';
import { described, exporter, peerGone, recorderWith } from './recorder-lab.ts';

it('its span begins by the clock of the wall, from which that of the process may have parted', async () => {
  const { now } = Date;
  mock.method(Date, 'now', () => now() + 3_600_000);
  try {
    const recorder = recorderWith();
    const operation = recorder.start(described('server'));
    recorder.run(operation, () => delay(40), undefined, []);
    recorder.cancel(operation, peerGone);
    recorder.settle(operation);
    const cancelledAt = Date.now();
    await delay(100);
    const span = exporter.getFinishedSpans().find(({ name }) => name === 'work after cancel');
    assert.ok(span);
    const offMs = hrTimeToMilliseconds(span.startTime) - cancelledAt;
    assert.ok(Math.abs(offMs) < 1_000, `${offMs} ms`);
  } finally {
    mock.reset();
  }
});

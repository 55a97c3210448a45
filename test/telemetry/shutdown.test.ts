/** When a process that was told to end does not: real servers and processes are in test/integrations/servers, test/register. */
import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import type { Recorder } from '../../src/telemetry/recorder.ts';
import { described, exporter, recorderWith } from './recorder-lab.ts';

const LISTENING = { listening: true };
const TEN_MINUTES = 600_000;

/** `after` the process was told to end: one operation has finished since, one is in flight. */
function exitsAfter(afterMs: number, told: (recorder: Recorder) => void): ReadableSpan | undefined {
  const recorder = recorderWith();
  recorder.serverListens(LISTENING);
  const [first, second] = [recorder.start(described('server')), recorder.start(described('server'))];
  told(recorder);
  recorder.settle(first);
  const now = performance.now();
  mock.method(performance, 'now', () => now + afterMs);
  try {
    recorder.settle(recorder.start(described('server')));
    recorder.endWithProcess(
      () => ({ reason: 'exit', stack: undefined, atMs: performance.now() }),
      now + afterMs + 1_000,
    );
  } finally {
    mock.reset();
  }
  assert.equal(second.cancellation?.trigger, 'exit');
  return exporter.getFinishedSpans().find(({ name }) => name === 'shutdown');
}

function counted(span: ReadableSpan | undefined): unknown[] {
  return ['trigger', 'finished', 'cut', 'other'].map((key) => span?.attributes[`shutdown.${key}`]);
}

const closesAnother = (recorder: Recorder): void =>
  recorder.serverCloses({ listening: true }, recorder.captureStack(closesAnother));

describe('a process that was told to end', () => {
  for (const [what, trigger, told] of [
    ['by a signal', 'SIGTERM', (recorder: Recorder) => recorder.shutdownBegins('SIGTERM')],
    ['by the close() of one of its servers', 'close', closesAnother],
  ] as const) {
    it(`${what}, and still listens: that counts for ten minutes`, () => {
      assert.deepEqual(counted(exitsAfter(TEN_MINUTES - 1_000, told)), [trigger, 2, 1, 0]);
    });

    it(`${what}, and listens for longer: it was not meant to end, and its exit is another matter`, () => {
      assert.deepEqual(counted(exitsAfter(TEN_MINUTES + 1_000, told)), ['exit', 0, 1, 0]);
    });
  }

  it('by a second signal: the first one counts', () => {
    const span = exitsAfter(0, (recorder) => {
      recorder.shutdownBegins('SIGINT');
      recorder.shutdownBegins('SIGTERM');
    });
    assert.deepEqual(counted(span), ['SIGINT', 2, 1, 0]);
  });

  it('and is switched off leaves nothing', () => {
    const recorder = recorderWith();
    recorder.serverListens(LISTENING);
    recorder.start(described('server'));
    recorder.shutdownBegins('SIGTERM');
    recorder.abandon();
    recorder.endWithProcess(
      () => ({ reason: 'exit', stack: undefined, atMs: performance.now() }),
      performance.now() + 1_000,
    );
    assert.equal(exporter.getFinishedSpans().length, 1, 'that of the operation');
  });
});

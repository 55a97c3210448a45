import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Recorder } from '../../src/telemetry/recorder.ts';
import { described, exported, recorderWith } from './recorder-lab.ts';

describe('a deadline', () => {
  it('is on the span with the time that was left and its source, and with the deviation at the end', () => {
    const recorder = recorderWith();
    const operation = recorder.start(described());
    const atMs = performance.now() + 60_000;
    recorder.setDeadline(operation, { atMs, timeoutMs: 60_000, source: 'option', stack: undefined });
    recorder.settle(operation);
    const { attributes } = exported();
    assert.equal(attributes['deadline.timeout_ms'], 60_000);
    assert.equal(attributes['deadline.source'], 'option');
    const deviationMs = Number(attributes['deadline.deviation_ms']);
    assert.ok(deviationMs < -50_000 && deviationMs >= -60_000, `${deviationMs}`);
  });

  it('has a stack of at most 16 frames unless the options say no', () => {
    const deep = (depth: number, recorder: Recorder): string | undefined =>
      depth === 0 ? recorder.captureDeadlineStack(deep)?.stack : deep(depth - 1, recorder);
    function caller(recorder: Recorder): string | undefined {
      return recorder.captureDeadlineStack(caller)?.stack;
    }
    assert.ok(caller(recorderWith()));
    assert.equal(caller(recorderWith({ captureDeadlineStack: false })), undefined);
    assert.equal(deep(0, recorderWith({ captureDeadlineStack: false })), undefined);
  });
});

describe('the stack of a cancel', () => {
  it('has as many frames as maxStackFrames says', () => {
    const top = (): void => {};
    const deep = (depth: number, recorder: Recorder): string =>
      depth === 0 ? capture(recorder) : deep(depth - 1, recorder);
    function capture(recorder: Recorder): string {
      return recorder.captureStack(capture).stack;
    }
    top();
    for (const maxStackFrames of [1, 40, 200]) {
      const frames = deep(300, recorderWith({ maxStackFrames })).split('\n    at ').length - 1;
      assert.equal(frames, maxStackFrames);
    }
  });
});

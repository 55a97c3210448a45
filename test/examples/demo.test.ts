import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

it('the demo prints the cancelled traces with origin lines in examples/ and ends by itself', async () => {
  const env = { ...process.env, NO_COLOR: '1' };
  const { stdout } = await promisify(execFile)(process.execPath, ['examples/demo.js'], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    env,
    timeout: 60_000,
  });
  for (const origin of [
    /at leaveCheckout \(examples\/shop\/load\.js:\d+:\d+\)/,
    /at callOffIfUnanswered \(examples\/shop\/gateway\.js:\d+:\d+\)/,
    /at stopReservation \(examples\/shop\/orders\.js:\d+:\d+\)/,
    /at findStock \(examples\/shop\/gateway\.js:\d+:\d+\)/,
    /at estimateDelivery \(examples\/shop\/gateway\.js:\d+:\d+\)/,
    /at Timeout\.stopWaiting \[as _onTimeout\] \(examples\/shop\/stock\.js:\d+:\d+\)/,
  ]) {
    assert.match(stdout, origin);
  }
  for (const sign of [
    / inherited +cancel /,
    / inherited +destroy /,
    /! work_after_cancel: .* went on for \d+ ms/,
    /! late_operation: started \d+ ms after its incoming operation was cancelled/,
    /! deadline_dropped: no time limit, though its incoming operation had \d+ ms left/,
  ]) {
    assert.match(stdout, sign);
  }
  assert.match(stdout, / local +exit +handle/);
  assert.match(stdout, /because “process\.exit\(0\)”/);
  assert.match(stdout, /^The deploy of stock \(SIGTERM, drained for \d+ ms\) cut 2 requests:$/m);
  for (const item of ['sofa', 'wardrobe']) {
    assert.match(
      stdout,
      new RegExp(`^  POST /reservations/${item} +at .*examples/shop/stock\\.js:\\d+:\\d+\\)$`, 'm'),
    );
  }
  assert.match(stdout, /because “a faster warehouse answered”/);
});

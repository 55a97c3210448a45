import assert from 'node:assert/strict';
import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { after, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../..', import.meta.url));

it('the demo prints the cancelled traces with origin lines in examples/ and ends by itself', async () => {
  const env = { ...process.env, NO_COLOR: '1' };
  const { stdout } = await promisify(execFile)(process.execPath, ['examples/demo.js'], {
    cwd: root,
    env,
    timeout: 90_000,
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
    /─ stock → pg\.query:SELECT postgres +\d+ ms\n.*! cancel_not_propagated: ran on for \d+ ms after/,
    /wasted \d+ ms, of it db \d+ ms, late writes: 1, late operations: 2/,
    /! work_after_cancel: .* went on for \d+ ms/,
    /! late_operation: started \d+ ms after its incoming operation was cancelled/,
    /! deadline_dropped: ran on for \d+ ms after the deadline of its incoming operation: it has none/,
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

  const hops = (path: string): string =>
    stdout.slice(stdout.indexOf(`browser → ${path}  `, stdout.indexOf('hop by hop')));
  const stock = / stock ← \S+ \S+ +peer: disconnect +[\d.]+ ms +(.) +(.)(?: +[\d.]+ ms)?$/m;
  assert.deepEqual(stock.exec(hops('POST /checkout/sofa'))?.slice(1, 3), ['✓', '–']);
  assert.match(hops('POST /gift-wrap/lamp'), / orders ← \S+ +peer: reset +[\d.]+ ms +✗ +– +\d+ ms$/m);
  assert.deepEqual(stock.exec(hops('GET /inventory/south'))?.slice(1, 3), ['✗', '✗']);
  assert.match(stdout, /^ {2}! stock goes on, and does not pass it on$/m);
  assert.match(stdout, /─ \? ← pg\.query:SELECT postgres +peer +✓ +\? /);

  // For how long depends on how late a busy machine tells of the browser that has left.
  assert.match(
    stdout,
    /^ {2}GET \/inventory\/south {2}pg\.query:SELECT postgres {2}at countShelves \(examples\/shop\/stock\.js:\d+:\d+\)\n +before the deploy +ran on for [\d.]+ ms, database wasted [\d.]+ ms\n +after it, with propagate\.cancel +ran on for [\d.]+ ms/m,
  );
  assert.match(stdout, /because “canceling statement due to user request”/);
});

it('the demo goes on without a database where there is none; at a terminal it has the page until Ctrl-C', async (t) => {
  if (spawnSync('script', ['--version']).error !== undefined) return t.skip('script is not there');
  const env = { ...process.env, NO_COLOR: '1', TMPDIR: '/missing' };
  const command = ['-qefc', `exec "${process.execPath}" examples/demo.js`, '/dev/null'];
  const terminal = spawn('script', command, { cwd: root, env, timeout: 90_000 });
  after(() => terminal.kill('SIGKILL'));
  let stdout = '';
  const said = async (sign: RegExp): Promise<string> => {
    for (;;) {
      const [, found] = sign.exec(stdout) ?? [];
      if (found !== undefined) return found;
      await once(terminal.stdout, 'data');
    }
  };
  terminal.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text.replaceAll('\r', '');
  });
  const url = await said(/^See them come: (http:\/\/127\.0\.0\.1:\d+)\n/m);
  assert.match(await (await fetch(url)).text(), /<title>cancel-trace<\/title>/);
  assert.equal(await said(/^The demo is over\. (\S+) shows it until Ctrl-C\.\n/m), url);
  const { traces } = (await (await fetch(`${url}/api/traces?operation=gift-wrap`)).json()) as {
    traces: { services: string[] }[];
  };
  assert.deepEqual(
    traces.map(({ services }) => services.sort()),
    [['browser', 'gateway', 'orders', 'stock']],
  );
  const ended = once(terminal, 'close');
  terminal.stdin.write('\x03');
  assert.deepEqual(await ended, [0, null]);
  assert.match(stdout, /^No database, and no queries for nobody: ENOENT: /m);
  assert.match(stdout, /! work_after_cancel: /);
  assert.doesNotMatch(stdout, /inventory/);
});

/** How it is said what was on the wire. With packets of real calls: test/stack/capture-*. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { countLate, cutShort, startExchange } from '../../src/capture/exchange.ts';
import { factsOf } from '../../src/capture/facts.ts';

it('one frame after the end is one, several are the last of so many', () => {
  const said = [1, 2].map((count) => {
    const exchange = startExchange({
      protocol: 'HTTP/2',
      connection: 0,
      stream: 1,
      client: 'a',
      server: 'b',
      method: 'GET',
      target: '/',
      headers: [],
      atMs: 0,
    });
    cutShort(exchange, { by: 'client', how: 'RST_STREAM', errorCode: 8, atMs: 1 });
    for (let frame = 0; frame < count; frame++) countLate(exchange, 'server', 1, 2);
    return factsOf(exchange, undefined).at(-1)?.text;
  });
  assert.deepEqual(said, [
    'one DATA frame after that: 1 byte',
    'the last of 2 DATA frames after that: 2 bytes',
  ]);
});

/** Time goes on where no packet comes. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Tick } from './exchanges.ts';
import type { Packet } from './packet.ts';

const TICK_MS = 1_000;
/** Packets come this much later than they were sent, and more on a busy machine. */
const LAG_MS = 1_000;

export async function* withTicks(packets: AsyncGenerator<Packet>): AsyncGenerator<Packet | Tick> {
  try {
    let next = packets.next();
    while (true) {
      const ticking = new AbortController();
      const tick = wait(TICK_MS, undefined, { signal: ticking.signal }).catch(() => undefined);
      const result = await Promise.race([next, tick]);
      ticking.abort();
      if (result === undefined) yield { atMs: Date.now() - LAG_MS };
      else if (result.done) return;
      else {
        yield result.value;
        next = packets.next();
      }
    }
  } finally {
    await packets.return(undefined);
  }
}

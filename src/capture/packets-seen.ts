/** What of a capture's packets is to be told once they were read. */
import type { Packet } from './packet.ts';

export class PacketsSeen {
  /** By which somebody says something. */
  count = 0;
  /** Captured up to a length that they exceed. */
  inPart = 0;

  async *noting(packets: AsyncIterable<Packet>): AsyncGenerator<Packet> {
    for await (const packet of packets) {
      this.count++;
      if (packet.capturedLength < packet.length) this.inPart++;
      yield packet;
    }
  }
}

/** What one side of a WebSocket sends, as frames: RFC 6455. Of what is sent only that of a close is kept. */

export interface WebSocketEvents {
  /** @param bytes its length, as its head says */
  readonly onData: (bytes: number) => void;
  /** @param code undefined: it says none, which is 1005 */
  readonly onClose: (code: number | undefined, reason: string) => void;
}

interface Frame {
  readonly opcode: number;
  /** Undefined: it is not masked, as those of a server. */
  readonly mask: Buffer | undefined;
  readonly length: number;
}

const CLOSE = 8;
const OPCODES = [0, 1, 2, CLOSE, 9, 10];
/** Bytes of a control frame. */
const MAX_CONTROL = 125;

export class WebSocketReader {
  readonly #events: WebSocketEvents;
  /** Of a head that is not whole. */
  #begun: Buffer = Buffer.alloc(0);
  #frame: Frame | undefined;
  /** Bytes of the frame that are still to come. */
  #left = 0;
  #close: Buffer[] = [];
  /** Where frames begin is not known, and nothing in them tells. */
  #isLost = false;

  constructor(events: WebSocketEvents) {
    this.#events = events;
  }

  lose(): void {
    this.#isLost = true;
  }

  take(content: Buffer): void {
    let rest = content;
    while (rest.length > 0 && !this.#isLost)
      rest = this.#frame === undefined ? this.#head(rest) : this.#payload(rest, this.#frame);
  }

  /** @returns what comes after it */
  #head(content: Buffer): Buffer {
    // A packet may have thousands of frames: what comes after each is not copied.
    const all = this.#begun.length === 0 ? content : Buffer.concat([this.#begun, content]);
    const [first = 0, second = 0] = all;
    const short = second & 0x7f;
    const lengthBytes = short === 127 ? 8 : short === 126 ? 2 : 0;
    const isMasked = (second & 0x80) !== 0;
    const size = 2 + lengthBytes + (isMasked ? 4 : 0);
    if (all.length < 2 || all.length < size) {
      this.#begun = Buffer.from(all);
      return Buffer.alloc(0);
    }
    this.#begun = Buffer.alloc(0);
    const opcode = first & 0x0f;
    const length =
      lengthBytes === 8 ? Number(all.readBigUInt64BE(2)) : lengthBytes === 2 ? all.readUInt16BE(2) : short;
    if (!OPCODES.includes(opcode) || (opcode >= CLOSE && length > MAX_CONTROL)) {
      this.lose();
      return Buffer.alloc(0);
    }
    const mask = isMasked ? Buffer.from(all.subarray(size - 4, size)) : undefined;
    this.#frame = { opcode, mask, length };
    this.#left = length;
    if (opcode < CLOSE) this.#events.onData(length);
    if (length === 0) this.#end(this.#frame);
    return all.subarray(size);
  }

  #payload(content: Buffer, frame: Frame): Buffer {
    const taken = Math.min(this.#left, content.length);
    if (frame.opcode === CLOSE) this.#close.push(content.subarray(0, taken));
    this.#left -= taken;
    if (this.#left === 0) this.#end(frame);
    return content.subarray(taken);
  }

  #end({ opcode, mask }: Frame): void {
    this.#frame = undefined;
    if (opcode !== CLOSE) return;
    const payload = Buffer.concat(this.#close);
    this.#close = [];
    if (mask !== undefined)
      for (let at = 0; at < payload.length; at++)
        payload[at] = (payload[at] as number) ^ (mask[at % 4] as number);
    const code = payload.length < 2 ? undefined : payload.readUInt16BE(0);
    this.#events.onClose(code, payload.toString('utf8', 2));
  }
}

/**
 * A proxy between a gRPC client and server that may say something of its own. It works on HTTP/2 frames,
 * not with node:http2, so that nobody takes it for a client or server.
 */
import { once } from 'node:events';
import net from 'node:net';

const HEADERS = 1;
const RST_STREAM = 3;
const GOAWAY = 7;
/** END_STREAM and END_HEADERS: an answer of nothing but trailers. */
const WHOLE_ANSWER = 0x5;
const PREFACE_LENGTH = 24;
const HEAD_LENGTH = 9;

interface Wire {
  readonly toClient: net.Socket;
  readonly toServer: net.Socket;
  streamId: number;
  /** Nothing of this stream is passed on any more. */
  droppedId: number;
}

export class FrameProxy {
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  /** The connection that was opened last. */
  #wire: Wire | undefined;

  constructor(port: number) {
    this.#server = net.createServer((toClient) => {
      const toServer = net.connect(port, '127.0.0.1');
      const wire: Wire = { toClient, toServer, streamId: 0, droppedId: 0 };
      this.#wire = wire;
      for (const socket of [toClient, toServer]) {
        this.#sockets.add(socket);
        socket.on('error', () => {});
      }
      forward(wire, toClient, toServer, PREFACE_LENGTH);
      forward(wire, toServer, toClient, 0);
      toClient.on('close', () => toServer.destroy());
      toServer.on('close', () => toClient.end());
    });
  }

  async listen(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as net.AddressInfo).port}`;
  }

  /** Resets the last stream on both sides; to the server, as proxies do, with CANCEL. */
  reset(code: number): void {
    this.#give(frame(RST_STREAM, 0, this.#current.streamId, uint32(code)));
  }

  /** Answers the last stream by itself, and resets it on the server's side. */
  answer(headers: Readonly<Record<string, string>>): void {
    const literals = Object.entries({ 'content-type': 'application/grpc', ...headers }).map(([key, value]) =>
      Buffer.concat([
        Buffer.from([0x00, key.length]),
        Buffer.from(key),
        Buffer.from([value.length]),
        Buffer.from(value),
      ]),
    );
    const status200 = Buffer.from([0x88]);
    this.#give(frame(HEADERS, WHOLE_ANSWER, this.#current.streamId, Buffer.concat([status200, ...literals])));
  }

  /** Says that streams after `lastStreamId` are not served. */
  goAway(code: number, lastStreamId = this.#current.streamId): void {
    this.#current.toClient.write(frame(GOAWAY, 0, 0, Buffer.concat([uint32(lastStreamId), uint32(code)])));
  }

  /** Ends the client's connection in order. */
  end(): void {
    this.#current.toClient.end();
    this.#current.toServer.destroy();
  }

  cut(): void {
    for (const socket of [this.#current.toClient, this.#current.toServer]) socket.resetAndDestroy();
  }

  /** Passes nothing on any more, though both connections stay. */
  freeze(): void {
    for (const socket of [this.#current.toClient, this.#current.toServer]) {
      socket.removeAllListeners('data');
      socket.resume();
    }
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  get #current(): Wire {
    if (this.#wire === undefined) throw new Error('nobody is connected');
    return this.#wire;
  }

  #give(toClient: Buffer): void {
    const wire = this.#current;
    wire.droppedId = wire.streamId;
    wire.toClient.write(toClient);
    wire.toServer.write(frame(RST_STREAM, 0, wire.streamId, uint32(8)));
  }
}

/** Whole frames only, so that others fit between them. */
function forward(wire: Wire, from: net.Socket, to: net.Socket, prefaceLength: number): void {
  let pending = Buffer.alloc(0);
  let preface = prefaceLength;
  from.on('data', (chunk) => {
    pending = Buffer.concat([pending, chunk]);
    if (pending.length < preface) return;
    if (preface > 0) to.write(pending.subarray(0, preface));
    pending = pending.subarray(preface);
    preface = 0;
    while (pending.length >= HEAD_LENGTH) {
      const end = HEAD_LENGTH + pending.readUIntBE(0, 3);
      if (pending.length < end) return;
      const whole = pending.subarray(0, end);
      pending = pending.subarray(end);
      const streamId = whole.readUInt32BE(5) & 0x7f_ff_ff_ff;
      if (whole[3] === HEADERS) wire.streamId = streamId;
      if (streamId === 0 || streamId !== wire.droppedId) to.write(whole);
    }
  });
}

function frame(type: number, flags: number, streamId: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(HEAD_LENGTH);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

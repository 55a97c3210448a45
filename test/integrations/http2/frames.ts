/** Just enough of HTTP/2 (RFC 9113, section 4) to be a server that does what Node's would not. */
import type { Socket } from 'node:net';

const PREFACE_LENGTH = 24;
const HEADER_LENGTH = 9;
const SETTINGS = 4;
const HEADERS = 1;

/** Answers each request with these frames. */
export function answerWith(socket: Socket, frames: (streamId: number) => readonly Buffer[]): void {
  socket.write(frame(SETTINGS, 0, 0));
  let unread = Buffer.alloc(0);
  let skip = PREFACE_LENGTH;
  socket.on('data', (chunk) => {
    unread = Buffer.concat([unread, chunk]);
    for (;;) {
      if (unread.length < skip + HEADER_LENGTH) return;
      unread = unread.subarray(skip);
      const length = unread.readUIntBE(0, 3);
      if (unread[3] === HEADERS) socket.write(Buffer.concat(frames(unread.readUInt32BE(5))));
      skip = HEADER_LENGTH + length;
    }
  });
}

/** `:status: 200`, which HPACK has in its static table, and a body that goes on. */
export function head(streamId: number): Buffer {
  return Buffer.concat([
    frame(HEADERS, 0x4, streamId, Buffer.from([0x88])),
    frame(0, 0, streamId, Buffer.from('first')),
  ]);
}

/** @param isEnd of the body */
export function data(streamId: number, length: number, isEnd = false): Buffer {
  return frame(0, isEnd ? 0x1 : 0, streamId, Buffer.alloc(length));
}

export function reset(streamId: number, code: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(code);
  return frame(3, 0, streamId, payload);
}

export function goAway(lastStreamId: number, code: number): Buffer {
  const payload = Buffer.alloc(8);
  payload.writeUInt32BE(lastStreamId);
  payload.writeUInt32BE(code, 4);
  return frame(7, 0, 0, payload);
}

function frame(type: number, flags: number, streamId: number, payload = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(HEADER_LENGTH);
  header.writeUIntBE(payload.length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(streamId, 5);
  return Buffer.concat([header, payload]);
}

/** The bytes of a file, or of what is piped in, uncompressed. */
import { createReadStream } from 'node:fs';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { UserError } from './user-error.ts';

/** What stands for standard input. */
export const STDIN = '-';

const CHUNK = 256 * 2 ** 10;

/**
 * @param onRead is told how many bytes were read, before they are uncompressed
 * @throws {UserError} that names the file, and what to do
 */
export async function* inputBytes(
  file: string,
  onRead?: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  if (file === STDIN && process.stdin.isTTY)
    throw new UserError(`${STDIN}: a terminal. Pipe spans into it, or name a file`);
  const input: AsyncIterable<Buffer> =
    file === STDIN ? process.stdin : createReadStream(file, { highWaterMark: CHUNK });
  try {
    const chunks = counted(input, onRead);
    const head = await headOf(chunks);
    const all = Readable.from(joined(head, chunks), { objectMode: false });
    if (head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd)
      throw new UserError(`${file}: compressed by zstd, uncompress it first`);
    if (head[0] !== 0x1f || head[1] !== 0x8b) yield* all;
    else yield* pipeline(all, createGunzip({ chunkSize: CHUNK }), () => {}); // what fails is thrown here as well
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${file}: ${whyNot(file, error as NodeJS.ErrnoException)}`);
  }
}

async function* counted(
  input: AsyncIterable<Buffer>,
  onRead: (bytes: number) => void = () => {},
): AsyncGenerator<Buffer> {
  for await (const chunk of input) {
    onRead(chunk.length);
    yield chunk;
  }
}

/** Of at least four bytes, if there are as many. */
async function headOf(chunks: AsyncGenerator<Buffer>): Promise<Buffer> {
  let head: Buffer = Buffer.alloc(0);
  while (head.length < 4) {
    const { value, done } = await chunks.next();
    if (done) break;
    head = Buffer.concat([head, value]);
  }
  return head;
}

async function* joined(head: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  if (head.length > 0) yield head;
  yield* rest;
}

function whyNot(file: string, { code, message }: NodeJS.ErrnoException): string {
  if (code === 'EISDIR') return 'a folder, name a file in it';
  if (code === 'EACCES') return 'may not be read by you';
  if (code === 'Z_BUF_ERROR') return 'ends in the middle of its compressed data: it was cut off';
  if (code?.startsWith('Z_')) return `begins as gzip does, but is none (${message})`;
  if (code !== 'ENOENT') return message;
  const isAddress = /^(localhost|[\w.-]+:\d+|\[[\da-f:]+\](:\d+)?)(\/.*)?$/i.test(file);
  return isAddress ? `no such file; if a Jaeger is meant, write http://${file}` : 'no such file';
}

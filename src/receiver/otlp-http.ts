/**
 * OTLP/HTTP: spans as JSON or protobuf, gzipped or not. Metrics and logs are taken, too, and not kept: an application that
 * exports all three would complain otherwise.
 *
 * @see https://opentelemetry.io/docs/specs/otlp/#otlphttp
 */
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { type Context, Hono } from 'hono';
import protobuf from 'protobufjs/minimal.js';
import { otlpOfProtobuf } from '../spans/otlp-protobuf.ts';
import { type Keep, MAX_REQUEST_BYTES, type PartialSuccess, RefusedError, takeRequest } from './intake.ts';

const unzip = promisify(gunzip);
const JSON_TYPE = 'application/json';
const PROTOBUF_TYPE = 'application/x-protobuf';

export function otlpRoutes(keep: Keep): Hono {
  const routes = new Hono();
  routes.onError((error, context) => {
    if (error instanceof RefusedError) return refuse(context, error);
    throw error;
  });
  routes.post('/v1/traces', async (context) => {
    const type = typeOf(context);
    const bytes = await bytesOf(context);
    const success = await takeRequest(decode(bytes, type), keep);
    if (type === JSON_TYPE) return context.json(success.rejectedSpans > 0 ? { partialSuccess: success } : {});
    return answer(context, 200, encodeSuccess(success));
  });
  for (const path of ['/v1/metrics', '/v1/logs', '/v1development/profiles']) {
    routes.post(path, (context) =>
      typeOf(context) === JSON_TYPE ? context.json({}) : answer(context, 200, new Uint8Array()),
    );
  }
  routes.all('/v1/traces', (context) => refuse(context, new RefusedError(405, 'spans are sent by POST')));
  return routes;
}

function typeOf(context: Context): string {
  const header = context.req.header('content-type') ?? 'no content type';
  const type = header.split(';')[0]?.trim().toLowerCase();
  if (type === JSON_TYPE || type === PROTOBUF_TYPE) return type;
  throw new RefusedError(415, `OTLP is ${JSON_TYPE} or ${PROTOBUF_TYPE}, but this is ${header}`);
}

async function bytesOf(context: Context): Promise<Buffer> {
  const raw = await readBody(context);
  const encoding = context.req.header('content-encoding') ?? 'identity';
  if (encoding === 'identity') return raw;
  if (encoding !== 'gzip') throw new RefusedError(415, `content-encoding may be gzip, but is ${encoding}`);
  try {
    return await unzip(raw, { maxOutputLength: MAX_REQUEST_BYTES });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge();
    throw new RefusedError(400, `no gzip: ${(error as Error).message}`);
  }
}

async function readBody({ req }: Context): Promise<Buffer> {
  if (Number(req.header('content-length')) > MAX_REQUEST_BYTES) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of req.raw.body ?? []) {
    length += chunk.length;
    if (length > MAX_REQUEST_BYTES) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function decode(bytes: Buffer, type: string): unknown {
  try {
    return type === JSON_TYPE ? JSON.parse(bytes.toString()) : otlpOfProtobuf(bytes);
  } catch (error) {
    throw new RefusedError(400, `no ${type}: ${(error as Error).message}`);
  }
}

function tooLarge(): RefusedError {
  return new RefusedError(
    413,
    `a request may have ${MAX_REQUEST_BYTES} bytes at most, after it is unzipped, too`,
  );
}

/** The rest of a refused body may still be under way. */
function refuse(context: Context, { statusCode, message }: RefusedError): Response {
  context.header('connection', 'close');
  if (!context.req.header('content-type')?.startsWith(PROTOBUF_TYPE)) {
    return context.json({ message }, statusCode);
  }
  // google.rpc.Status
  return answer(
    context,
    statusCode,
    protobuf.Writer.create().uint32(tagOf(2, TEXT)).string(message).finish(),
  );
}

function answer(context: Context, statusCode: 200 | RefusedError['statusCode'], bytes: Uint8Array): Response {
  return context.body(Uint8Array.from(bytes), statusCode, { 'content-type': PROTOBUF_TYPE });
}

/** An ExportTraceServiceResponse. */
export function encodeSuccess({ rejectedSpans, errorMessage }: PartialSuccess): Uint8Array {
  if (rejectedSpans === 0) return new Uint8Array();
  const partialSuccess = protobuf.Writer.create()
    .uint32(tagOf(1, VARINT))
    .int64(rejectedSpans)
    .uint32(tagOf(2, TEXT))
    .string(errorMessage)
    .finish();
  return protobuf.Writer.create().uint32(tagOf(1, TEXT)).bytes(partialSuccess).finish();
}

/** Types of the wire format; a text is told as a message is. */
const VARINT = 0;
const TEXT = 2;

function tagOf(fieldNumber: number, wireType: number): number {
  return (fieldNumber << 3) | wireType;
}

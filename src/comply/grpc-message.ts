/** A message of gRPC as it is on the wire. */
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { UserError } from '../spans/user-error.ts';

/** @param data of the message alone */
export function framed(data: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(data.length, 1);
  return Buffer.concat([head, data]);
}

interface Loader {
  loadSync(
    file: string,
  ): Record<string, Record<string, { requestSerialize(message: object): Buffer }> | undefined>;
}

/**
 * By the proto-loader of the folder where the command is run: this package brings none along.
 *
 * @param method `package.Service/Method`
 * @throws {UserError}
 */
export function encodeJson(protoFile: string, method: string, json: string): Buffer {
  let loader: Loader;
  try {
    loader = createRequire(join(process.cwd(), 'package.json'))('@grpc/proto-loader') as Loader;
  } catch {
    throw new UserError(
      '--proto needs @grpc/proto-loader in this folder: npm install @grpc/proto-loader, or use --data-hex',
    );
  }
  const [service = '', name = ''] = method.split('/');
  try {
    const definition = loader.loadSync(resolve(protoFile))[service]?.[name];
    if (definition === undefined) throw new Error(`it has no ${method}`);
    return definition.requestSerialize(JSON.parse(json) as object);
  } catch (error) {
    throw new UserError(`--proto ${protoFile}: ${(error as Error).message}`);
  }
}

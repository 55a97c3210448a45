/** A service of gRPC whose messages are the bytes themselves. */
import type grpc from '@grpc/grpc-js';

const asItIs = (bytes: Buffer): Buffer => bytes;

const method = (name: string, requestStream: boolean, responseStream: boolean) => ({
  path: `/fuzz.Fuzz/${name}`,
  requestStream,
  responseStream,
  requestSerialize: asItIs,
  requestDeserialize: asItIs,
  responseSerialize: asItIs,
  responseDeserialize: asItIs,
});

export const identity: grpc.ServiceDefinition = {
  unary: method('Unary', false, false),
  serverStream: method('ServerStream', false, true),
  bidi: method('Bidi', true, true),
};

/** Clients of `@grpc/grpc-js`: by how they are made, or by their type. */
import type { SourceCode } from 'eslint';
import { bare, is, type Node } from './nodes.ts';
import { holds } from './options.ts';
import { madeBy, originOf } from './origins.ts';
import type { TypeFacts } from './types.ts';

const CLIENT =
  /^@grpc\/grpc-js#(?:loadPackageDefinition\(\)\..+|make(?:Generic)?ClientConstructor\(\))\.new\(\)$/;
const CREDENTIALS = /^@grpc\/grpc-js#(?:credentials|ChannelCredentials)\.create\w*\(\)$/;
/** What may give each call of a client its deadline. */
const OF_EACH_CALL = [
  'interceptors',
  'interceptor_providers',
  'grpc.service_config',
  'callInvocationTransformer',
];

/** Whether it is one, of which nothing gives each call a deadline. */
export function isClient(sourceCode: SourceCode, types: TypeFacts, node: Node): boolean {
  const made = madeBy(sourceCode, node);
  const isTyped = types.has(bare(node), 'makeUnaryRequest', 'waitForReady');
  if (!is(made, 'NewExpression')) return isTyped;
  const [, credentials, options] = made.arguments;
  const isOne =
    isTyped ||
    CLIENT.test(originOf(sourceCode, made) ?? '') ||
    (credentials !== undefined && CREDENTIALS.test(originOf(sourceCode, credentials) ?? ''));
  return isOne && holds(sourceCode, options, OF_EACH_CALL) === 'no';
}

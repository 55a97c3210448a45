/** Functions that a framework calls with a request, known by what they are given to, or by their types. */
import type { SourceCode } from 'eslint';
import { type FunctionNode, is, keyOf, type Node, parentOf, withoutDefault } from './nodes.ts';
import { originOf } from './origins.ts';
import type { TypeFacts } from './types.ts';

export interface Handled {
  /** What tells that nobody waits any more; undefined where the framework has no signal. */
  readonly signal?: string;
  /** The parameter with the request, for messages. */
  readonly request: string;
}

const ROUTES = 'get|post|put|patch|delete|del|head|options|all|use|query';
/** Where a handler is an argument, and what it is called with first. */
const FRAMEWORKS: readonly [given: RegExp, signal?: string][] = [
  [RegExp(`^express4?#(?:Router)?\\((?:\\))?(?:new\\(\\))?.*\\.(?:${ROUTES})$`)],
  [RegExp(`^fastify#(?:fastify)?\\(\\)(?:\\.\\w+\\(\\))*\\.(?:${ROUTES}|addHook)$`)],
  [/^koa#new\(\)\.use$/],
  [RegExp(`^(?:@koa/router|koa-router)#(?:Router\\.)?(?:new)?\\(\\)\\.(?:${ROUTES})$`)],
  [/^https?#createServer$/],
  [RegExp(`^hono#Hono\\.new\\(\\)(?:\\.\\w+\\(\\))*\\.(?:${ROUTES}|on)$`), 'req.raw.signal'],
];
const SERVER_TYPES = [
  'IncomingMessage',
  'Http2ServerRequest',
  'FastifyRequest',
  'ParameterizedContext',
  'KoaContext',
];
const ROUTE_FILE = /(?:^|[\\/])route\.[cm]?[jt]sx?$/;
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** @returns undefined of a function of which it is not known, or that handles errors */
export function handledBy(
  sourceCode: SourceCode,
  types: TypeFacts,
  filename: string,
  handler: FunctionNode,
): Handled | undefined {
  const [first] = handler.params;
  const request = first === undefined ? undefined : withoutDefault(first);
  // (error, request, response, next): whoever tells of an error.
  if (request === undefined || handler.params.length > 3) return undefined;
  if (!is(request, 'Identifier')) return undefined;
  const { name } = request;
  if (ROUTE_FILE.test(filename) && isRouteOfNext(handler)) return { request: name, signal: `${name}.signal` };

  const given = parentOf(handler);
  if (is(given, 'CallExpression') && given.callee !== handler) {
    const origin = originOf(sourceCode, given.callee) ?? fastifyByName(given.callee);
    const framework = FRAMEWORKS.find(([pattern]) => origin !== undefined && pattern.test(origin));
    if (framework !== undefined) {
      const [, signal] = framework;
      return { request: name, ...(signal !== undefined && { signal: `${name}.${signal}` }) };
    }
  }
  const names = types.namesOf(request);
  return SERVER_TYPES.some((type) => names.has(type)) ? { request: name } : undefined;
}

/** Its plugins get the instance as a parameter, which all of the world calls so. */
function fastifyByName(callee: Node): string | undefined {
  if (!is(callee, 'MemberExpression') || !is(callee.object, 'Identifier')) return undefined;
  return callee.object.name === 'fastify' ? `fastify#().${keyOf(callee)}` : undefined;
}

/** `export async function GET(request)`, `export const GET = async (request) => …`. */
function isRouteOfNext(handler: FunctionNode): boolean {
  if (is(handler, 'FunctionDeclaration'))
    return METHODS.has(handler.id?.name ?? '') && is(parentOf(handler), 'ExportNamedDeclaration');
  const declarator = parentOf(handler);
  if (!is(declarator, 'VariableDeclarator') || !is(declarator.id, 'Identifier')) return false;
  const declaration = parentOf(declarator);
  return (
    METHODS.has(declarator.id.name) &&
    declaration !== undefined &&
    is(parentOf(declaration), 'ExportNamedDeclaration')
  );
}

/** Calls that take a signal, and whether one was given. */
import type { SourceCode } from 'eslint';
import { constantValue, variableOf } from './names.ts';
import { bare, is, isFunction, keyOf, type Node, type NodeOf } from './nodes.ts';
import { type Holds, holds, valueAt } from './options.ts';
import { originOf } from './origins.ts';
import type { TypeFacts } from './types.ts';

export interface Outgoing {
  /** As it is written: `axios.get`. */
  readonly name: string;
  /** The name of the option: `signal`, `abortSignal`. */
  readonly key: string;
  /** Whether the call has a signal. */
  readonly hasSignal: Holds;
  /** Whether it has a time limit of its own. */
  readonly hasTimeout: Holds;
  /** Whether it changes nothing where it goes to, as far as can be seen. */
  readonly isRead: boolean;
  /** Where its options are or would be. */
  readonly optionsAt: number;
}

interface Kind {
  readonly origin: RegExp;
  /** Of an object with options that comes first instead of an address, the same place is meant. */
  readonly optionsAt: number;
  readonly key?: string;
  /** Options that end it as well. */
  readonly others?: readonly string[];
  readonly isRead?: boolean;
  /** What comes first may be a Request, which has a signal. */
  readonly takesRequest?: boolean;
  /** Options may come first. */
  readonly optionsFirst?: boolean;
}

const KINDS: readonly Kind[] = [
  {
    origin: /^(?:global#fetch|undici#fetch|node-fetch#|cross-fetch#(?:fetch)?)$/,
    optionsAt: 1,
    takesRequest: true,
  },
  { origin: /^undici#(?:request|stream|pipeline)$/, optionsAt: 1 },
  { origin: /^https?#(?:get|request)$/, optionsAt: 1, optionsFirst: true },
  {
    origin: /^axios#(?:create\(\)\.)?(?:get|head|options)$/,
    optionsAt: 1,
    others: ['cancelToken'],
    isRead: true,
  },
  { origin: /^axios#(?:create\(\)\.)?delete$/, optionsAt: 1, others: ['cancelToken'], isRead: false },
  {
    origin: /^axios#(?:create\(\)\.)?(?:post|put|patch)(?:Form)?$/,
    optionsAt: 2,
    others: ['cancelToken'],
    isRead: false,
  },
  {
    origin: /^axios#(?:create\(\))?$|^axios#(?:create\(\)\.)?request$/,
    optionsAt: 1,
    optionsFirst: true,
    others: ['cancelToken'],
  },
  {
    origin: /^(?:got#(?:got)?|ky#(?:ky)?)(?:\.?(?:create|extend)\(\))*(?:\.?(?:get|head))?$/,
    optionsAt: 1,
    optionsFirst: true,
  },
  {
    origin: /^(?:got#(?:got)?|ky#(?:ky)?)(?:\.?(?:create|extend)\(\))*\.?(?:post|put|patch|delete)$/,
    optionsAt: 1,
    isRead: false,
  },
  {
    origin:
      /^(?:openai#(?:OpenAI\.)?|@anthropic-ai\/sdk#(?:Anthropic\.)?)new\(\)\.[\w.]+\.(?:create|stream|parse)$/,
    optionsAt: 1,
    isRead: true,
  },
  { origin: /^ai#(?:generate|stream)(?:Text|Object)$/, optionsAt: 0, key: 'abortSignal', isRead: true },
];

/** Where instances come from elsewhere, their types say what they are. */
const BY_TYPE: readonly [type: string, origin: string][] = [
  ['AxiosInstance', 'axios#create()'],
  ['AxiosStatic', 'axios#'],
  ['KyInstance', 'ky#'],
  ['ExtendedGot', 'got#'],
];

export function outgoingCall(
  sourceCode: SourceCode,
  types: TypeFacts,
  call: NodeOf<'CallExpression'>,
): Outgoing | undefined {
  const origin = originOf(sourceCode, call.callee, (node) => {
    const names = types.namesOf(node);
    return names.size === 0 ? undefined : BY_TYPE.find(([type]) => names.has(type))?.[1];
  });
  const kind = origin === undefined ? undefined : KINDS.find((each) => each.origin.test(origin));
  if (kind === undefined) return undefined;
  const [first] = call.arguments;
  const isFirst = kind.optionsFirst === true && first !== undefined && isObject(sourceCode, first);
  const optionsAt = isFirst ? 0 : kind.optionsAt;
  const key = kind.key ?? 'signal';
  const ask = (...keys: readonly string[]): Holds => given(sourceCode, call, optionsAt, keys);
  return {
    name: sourceCode.getText(call.callee),
    key,
    hasSignal:
      kind.takesRequest && mayBeRequest(sourceCode, types, first)
        ? 'unknown'
        : ask(key, ...(kind.others ?? [])),
    hasTimeout: ask('timeout', 'timeoutMs'),
    isRead: kind.isRead ?? isReadMethod(call.arguments[optionsAt]),
    optionsAt,
  };
}

function given(
  sourceCode: SourceCode,
  call: NodeOf<'CallExpression'>,
  at: number,
  keys: readonly string[],
): Holds {
  const before = call.arguments.slice(0, at + 1);
  if (before.some((argument) => is(argument, 'SpreadElement'))) return 'unknown';
  // An address that is no text may be an object with options.
  const found = before.map((argument, index) =>
    index === at || isObject(sourceCode, argument) ? holds(sourceCode, argument, keys) : 'no',
  );
  return found.find((each) => each !== 'no') ?? 'no';
}

function isObject(sourceCode: SourceCode, node: Node): boolean {
  const value = bare(node);
  if (is(value, 'ObjectExpression')) return true;
  return is(value, 'Identifier') && is(constantValue(variableOf(sourceCode, value)), 'ObjectExpression');
}

function isReadMethod(options: Node | undefined): boolean {
  if (options === undefined || isFunction(options)) return true;
  const method = valueAt(options, 'method');
  if (method === undefined) return is(bare(options), 'ObjectExpression');
  return is(method, 'Literal') && /^(?:get|head)$/i.test(String(method.value));
}

const ADDRESS = /ur[li]|href|link|endpoint|path|address|host|base|origin/i;

/** Unless it is certainly an address. */
function mayBeRequest(sourceCode: SourceCode, types: TypeFacts, node: Node | undefined): boolean {
  if (node === undefined) return true;
  const value = bare(node);
  if (is(value, 'Literal', 'TemplateLiteral', 'BinaryExpression')) return false;
  if (is(value, 'NewExpression')) return !is(value.callee, 'Identifier') || value.callee.name !== 'URL';
  const names = types.namesOf(value);
  if (names.has('URL') && !names.has('Request')) return false;
  if (is(value, 'CallExpression')) return !ADDRESS.test(lastName(value.callee));
  if (ADDRESS.test(lastName(value))) return false;
  const constant = is(value, 'Identifier') ? constantValue(variableOf(sourceCode, value)) : undefined;
  return constant === undefined || mayBeRequest(sourceCode, types, constant);
}

function lastName(node: Node): string {
  const value = bare(node);
  if (is(value, 'Identifier')) return value.name;
  return is(value, 'MemberExpression') ? (keyOf(value) ?? '') : '';
}

/** Who waits for what a line of code does: the signal or the request that the functions around it were given. */
import type { Rule, SourceCode } from 'eslint';
import { handledBy } from './handlers.ts';
import { variableOf } from './names.ts';
import {
  type FunctionNode,
  functionAround,
  is,
  isFunction,
  keyOf,
  type Node,
  type NodeOf,
  parentOf,
  pathOf,
  whole,
  withoutDefault,
} from './nodes.ts';
import { type TypeFacts, typesOf } from './types.ts';

export interface Caller {
  /** `request`: one of a server, for which the framework has no signal. */
  readonly kind: 'signal' | 'request';
  /** What to pass, as it is written: `signal`, `options.signal`, `request.signal`; of a request its name. */
  readonly text: string;
  /** The parameter. */
  readonly parameter: NodeOf<'Identifier'>;
  /** Whose parameter it is. */
  readonly given: FunctionNode;
}

export interface Source {
  readonly sourceCode: SourceCode;
  readonly types: TypeFacts;
  readonly filename: string;
}

export function sourceOf({ sourceCode, filename }: Rule.RuleContext): Source {
  return { sourceCode, types: typesOf(sourceCode), filename };
}

/** Those of them that are signals. */
export function signalsFor(source: Source, node: Node): Caller[] {
  return callersOf(source, node).filter(({ kind }) => kind === 'signal');
}

/** @returns those in reach of the node, innermost first */
export function callersOf(source: Source, node: Node): Caller[] {
  const callers: Caller[] = [];
  for (let at = functionAround(node); at !== undefined; at = functionAround(at)) {
    for (const parameter of at.params) callers.push(...callersIn(source, at, withoutDefault(parameter)));
    const handled = handledBy(source.sourceCode, source.types, source.filename, at);
    const [first] = at.params;
    if (handled !== undefined && first !== undefined && !callers.some(({ given }) => given === at)) {
      const parameter = withoutDefault(first) as NodeOf<'Identifier'>;
      callers.push(
        handled.signal === undefined
          ? { kind: 'request', text: handled.request, parameter, given: at }
          : { kind: 'signal', text: handled.signal, parameter, given: at },
      );
    }
    if (!runsForWhatIsAround(at)) break;
  }
  return callers;
}

function callersIn({ sourceCode, types }: Source, given: FunctionNode, parameter: Node): Caller[] {
  const signal = (text: string, name: Node): Caller => ({
    kind: 'signal',
    text,
    parameter: name as NodeOf<'Identifier'>,
    given,
  });
  if (is(parameter, 'ObjectPattern')) {
    // { code, signal }: how a process ended.
    const keys = parameter.properties.map((property) => (is(property, 'Property') ? keyOf(property) : ''));
    if (keys.includes('code')) return [];
    return parameter.properties.flatMap((property) => {
      if (!is(property, 'Property') || !isSignalName(keyOf(property))) return [];
      const name = withoutDefault(property.value);
      return is(name, 'Identifier') && mayBeSignal(types, name) ? [signal(name.name, name)] : [];
    });
  }
  if (!is(parameter, 'Identifier')) return [];
  if (isAbortSignal(sourceCode, types, parameter)) return [signal(parameter.name, parameter)];
  const key = types.signalKeyOf(parameter) ?? signalKeyReadFrom(sourceCode, parameter);
  const dot = mayBeAbsent(sourceCode, parameter) ? '?.' : '.';
  return key === undefined ? [] : [signal(parameter.name + dot + key, parameter)];
}

export function isSignalName(name: string | undefined): boolean {
  return name === 'signal' || name === 'abortSignal';
}

/** A type that says something else: `{ signal: string }`. */
function mayBeSignal(types: TypeFacts, name: Node): boolean {
  const names = types.namesOf(name);
  return names.size === 0 || names.has('AbortSignal');
}

/**
 * By its type, what is written behind it, or what is done with it. The name alone may be that of a signal of the
 * operating system, `SIGTERM`.
 */
export function isAbortSignal(sourceCode: SourceCode, types: TypeFacts, name: NodeOf<'Identifier'>): boolean {
  const names = types.namesOf(name);
  if (names.size > 0) return names.has('AbortSignal');
  if (/\bAbortSignal\b/.test(annotationOf(sourceCode, name))) return true;
  return isSignalName(name.name) && usesOf(sourceCode, name).some((use) => isUseOfSignal(use));
}

function annotationOf(sourceCode: SourceCode, name: Node): string {
  const { typeAnnotation } = name as { typeAnnotation?: Node };
  return typeAnnotation === undefined ? '' : sourceCode.getText(typeAnnotation);
}

const OF_SIGNALS = new Set([
  'aborted',
  'throwIfAborted',
  'addEventListener',
  'removeEventListener',
  'reason',
  'onabort',
]);

function isUseOfSignal(use: Node): boolean {
  const user = parentOf(use);
  if (is(user, 'MemberExpression')) return user.object === use && OF_SIGNALS.has(keyOf(user) ?? '');
  if (is(user, 'Property')) return user.value === use && isSignalName(keyOf(user));
  const array = user;
  const call = is(array, 'ArrayExpression') ? parentOf(array) : undefined;
  return is(call, 'CallExpression') && pathOf(call.callee) === 'AbortSignal.any';
}

/** `options.signal`, where that is used as only an AbortSignal is. */
function signalKeyReadFrom(sourceCode: SourceCode, name: NodeOf<'Identifier'>): string | undefined {
  for (const use of usesOf(sourceCode, name)) {
    const member = parentOf(use);
    if (!is(member, 'MemberExpression') || member.object !== use) continue;
    const key = keyOf(member);
    if (isSignalName(key) && isUseOfSignal(whole(member))) return key;
  }
  return undefined;
}

/** As its type says, or whoever reads from it. */
function mayBeAbsent(sourceCode: SourceCode, name: NodeOf<'Identifier'>): boolean {
  if ((name as { optional?: boolean }).optional === true) return true;
  return usesOf(sourceCode, name).some((use) => {
    const member = parentOf(use);
    return is(member, 'MemberExpression') && member.object === use && member.optional;
  });
}

function usesOf(sourceCode: SourceCode, name: NodeOf<'Identifier'>): Node[] {
  const references = variableOf(sourceCode, name)?.references ?? [];
  return references
    .filter((reference) => reference.isRead())
    .map(({ identifier }) => whole(identifier as Node));
}

const AT_ONCE = new Set([
  'map',
  'flatMap',
  'forEach',
  'filter',
  'reduce',
  'some',
  'every',
  'find',
  'then',
  'catch',
  'finally',
]);

/**
 * Whether a function works for the one that it is written in: `await retry(() => …)`, `items.map(async (item) => …)`,
 * `new Promise((resolve) => …)`. What is kept for later, a listener or a timer, has nobody who waits.
 */
export function runsForWhatIsAround(inner: FunctionNode): boolean {
  const value = whole(inner);
  const call = parentOf(value);
  if (!is(call, 'CallExpression', 'NewExpression')) return false;
  const name = is(call.callee, 'MemberExpression') ? keyOf(call.callee) : pathOf(call.callee);
  if (name === 'detached') return false;
  if (is(call, 'NewExpression')) return name === 'Promise';
  if (call.callee === value || AT_ONCE.has(name ?? '')) return true;
  return isAwaited(call);
}

/** Somebody waits for its end: it is awaited or returned, by itself or as a link of a chain of `then()`. */
export function isAwaited(call: Node): boolean {
  let value = whole(call);
  for (let user = parentOf(value); user !== undefined; user = parentOf(value)) {
    if (is(user, 'AwaitExpression', 'ReturnStatement')) return true;
    if (isFunction(user)) return user.body === value;
    const isLink = is(user, 'MemberExpression') || (is(user, 'CallExpression') && user.callee === value);
    const isGathered =
      is(user, 'ArrayExpression') ||
      (is(user, 'CallExpression') && /^Promise\./.test(pathOf(user.callee) ?? ''));
    if (!isLink && !isGathered) return false;
    value = whole(user);
  }
  return false;
}

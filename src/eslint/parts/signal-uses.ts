/** What of a function has to do with a signal that it was given: what looks at it, and what was made with it. */
import type { SourceCode } from 'eslint';
import type { Caller } from './callers.ts';
import { is, isFunction, keyOf, type Node, type NodeOf, parentOf } from './nodes.ts';
import { allIn } from './origins.ts';

const MAX_STEPS = 5;

/**
 * Names that stand for the signal, or for something that may end with it: `response` of
 * `const response = await fetch(url, { signal })`, `both` of `AbortSignal.any([signal, other])`.
 */
export function namesWith(sourceCode: SourceCode, { given, parameter }: Caller): ReadonlySet<string> {
  const names = new Set([parameter.name]);
  const nodes = [...allIn(sourceCode, given.body)];
  for (let step = 0, count = 0; step < MAX_STEPS && count !== names.size; step++) {
    count = names.size;
    for (const node of nodes) {
      const [made, of] = madeIn(node);
      if (made !== undefined && of.some((each) => mentions(sourceCode, each, names)))
        addNames(sourceCode, made, names);
    }
  }
  return names;
}

/** What a statement makes, or tells something to, and what of. */
function madeIn(node: Node): [made: Node | undefined, of: readonly Node[]] {
  if (is(node, 'VariableDeclarator') && node.init != null) return [node.id, [node.init]];
  if (is(node, 'AssignmentExpression')) return [node.left as Node, [node.right]];
  if (is(node, 'FunctionDeclaration')) return [node.id as Node, [node.body]];
  // `controller.follow(signal)`, `addAbortSignal(signal, stream)`.
  if (is(node, 'ExpressionStatement') && is(node.expression, 'CallExpression'))
    return [node.expression, node.expression.arguments];
  return [undefined, []];
}

function addNames(sourceCode: SourceCode, node: Node, names: Set<string>): void {
  if (is(node, 'MemberExpression')) {
    names.add(keyOf(node)?.replace(/^#/, '') ?? 'this');
    if (is(node.object, 'ThisExpression')) names.add('this');
    return;
  }
  for (const each of allIn(sourceCode, node)) if (is(each, 'Identifier')) names.add(each.name);
}

/** Whether any of the names is in the code, be it as that of a property. */
export function mentions(sourceCode: SourceCode, node: Node, names: ReadonlySet<string>): boolean {
  for (const each of allIn(sourceCode, node)) {
    if (is(each, 'Identifier', 'PrivateIdentifier') && names.has(each.name)) return true;
    if (is(each, 'ThisExpression') && names.has('this')) return true;
  }
  return false;
}

/** The calls that the code awaits itself, not in a function that is written in it. */
export function awaitedCalls(sourceCode: SourceCode, node: Node): NodeOf<'CallExpression'>[] {
  const calls: NodeOf<'CallExpression'>[] = [];
  for (const each of allIn(sourceCode, node)) {
    if (!is(each, 'AwaitExpression') || !is(each.argument, 'CallExpression')) continue;
    let at = parentOf(each);
    while (at !== undefined && at !== node && !isFunction(at)) at = parentOf(at);
    if (at === node || (node as Node) === each) calls.push(each.argument);
  }
  return calls;
}

/** Its function hears of it by a listener. */
export function isListenedTo(sourceCode: SourceCode, { given }: Caller): boolean {
  return /addEventListener\(\s*['"`]abort|\bonabort\b|addAbortListener|\.(?:on|once)\(\s*['"`]abort/.test(
    sourceCode.getText(given),
  );
}

/** An async generator that holds something open while it yields, and lets go of it only when it is read to its end. */
import type { Rule } from 'eslint';
import { variableOf } from './parts/names.ts';
import { bare, functionAround, is, keyOf, type Node, type NodeOf, parentOf, whole } from './parts/nodes.ts';
import { allIn, originOf } from './parts/origins.ts';
import { ruleMeta } from './parts/rule-meta.ts';

/** Methods by which something is let go of. */
const CLOSES = new Set([
  'releaseLock',
  'release',
  'close',
  'end',
  'destroy',
  'cancel',
  'disconnect',
  'quit',
  'dispose',
]);

export const generatorCleanup: Rule.RuleModule = {
  meta: ruleMeta({
    name: 'generator-cleanup',
    description: 'What an async generator holds while it yields is let go of in a finally.',
    messages: {
      stays:
        '`{{name}}` stays open when whoever reads this generator leaves early: the yield in line {{line}} is the last that runs of it. Yield within `try`, and let go of it in `finally`.',
    },
  }),
  create(context) {
    const { sourceCode } = context;
    return {
      VariableDeclarator(node) {
        const declarator = node as NodeOf<'VariableDeclarator'>;
        const generator = functionAround(declarator);
        if (!generator?.async || !(generator as { generator?: boolean }).generator) return;
        if (!is(declarator.id, 'Identifier') || declarator.init == null) return;
        const declaration = parentOf(declarator);
        // `await using` lets go of it by itself.
        if (!is(declaration, 'VariableDeclaration') || !/^(const|let|var)$/.test(declaration.kind)) return;
        const letsGo = usesOf(declarator.id).filter((use) => isLettingGo(use));
        if (!isOpened(declarator.init, letsGo.length > 0)) return;
        const left = yieldsIn(generator).find(
          (each) => isAfter(each, declarator) && !isInFinally(each, generator),
        );
        if (left === undefined || letsGo.some((use) => isTidy(use, generator))) return;
        // What is over before the yield holds nothing.
        if (letsGo.some((use) => isAfter(left, use) && parentBlock(use) === parentBlock(declarator))) return;
        const data = { name: declarator.id.name, line: String(left.loc?.start.line) };
        context.report({ node: declarator, messageId: 'stays', data });
      },
    };

    function usesOf(name: NodeOf<'Identifier'>): Node[] {
      const references = variableOf(sourceCode, name)?.references ?? [];
      return references
        .filter((each) => each.init !== true)
        .map(({ identifier }) => whole(identifier as Node));
    }

    function isOpened(init: Node, isLetGo: boolean): boolean {
      const value = bare(init);
      const call = is(value, 'AwaitExpression') ? bare(value.argument) : value;
      if (!is(call, 'CallExpression')) return false;
      const origin = originOf(sourceCode, call.callee);
      if (origin === 'global#setInterval' || /^fs(?:\/promises#open|#promises\.open)$/.test(origin ?? ''))
        return true;
      if (!is(call.callee, 'MemberExpression')) return false;
      const key = keyOf(call.callee) ?? '';
      if (key === 'getReader') return true;
      return isLetGo && /^(?:connect|acquire|getConnection|checkout|subscribe)$/.test(key);
    }

    function yieldsIn(generator: Node): Node[] {
      const all = [...allIn(sourceCode, generator)];
      return all.filter((each) => is(each, 'YieldExpression') && functionAround(each) === generator);
    }
  },
};

function isLettingGo(use: Node): boolean {
  const member = parentOf(use);
  if (is(member, 'MemberExpression')) return member.object === use && CLOSES.has(keyOf(member) ?? '');
  return (
    is(member, 'CallExpression') && is(member.callee, 'Identifier') && member.callee.name === 'clearInterval'
  );
}

function isAfter(node: Node, other: Node): boolean {
  return (node.range?.[0] ?? 0) > (other.range?.[1] ?? 0);
}

/** Whether leaving there runs a finally. */
function isInFinally(node: Node, generator: Node): boolean {
  for (let at = node; at !== generator; ) {
    const parent = parentOf(at);
    if (parent === undefined) return false;
    if (is(parent, 'TryStatement') && parent.finalizer != null && parent.finalizer !== at) return true;
    at = parent;
  }
  return false;
}

/** In a finally of the generator, or in a function that somebody else calls. */
function isTidy(use: Node, generator: Node): boolean {
  if (functionAround(use) !== generator) return true;
  for (let at = use; at !== generator; ) {
    const parent = parentOf(at);
    if (parent === undefined) return false;
    if (is(parent, 'TryStatement') && parent.finalizer === at) return true;
    at = parent;
  }
  return false;
}

function parentBlock(node: Node): Node | undefined {
  let at = parentOf(node);
  while (at !== undefined && !is(at, 'BlockStatement')) at = parentOf(at);
  return at;
}

/** A controller whose signal is given away, and which nobody can abort: the signal never tells anything. */
import type { Rule } from 'eslint';
import { isGlobal, type Variable } from './parts/names.ts';
import { is, keyOf, type Node, parentOf, whole } from './parts/nodes.ts';
import { ruleMeta } from './parts/rule-meta.ts';

export const abortControllerUsed: Rule.RuleModule = {
  meta: ruleMeta({
    name: 'abort-controller-used',
    description: 'An AbortController whose signal is used is aborted somewhere.',
    messages: {
      neverAborted:
        'Nothing ever aborts `{{name}}`, so its signal never tells anything. Call `{{name}}.abort()` when nobody waits any more, or pass the signal of whoever waits.',
    },
  }),
  create(context) {
    const { sourceCode } = context;
    return {
      NewExpression(made) {
        if (!isGlobal(sourceCode, made.callee, 'AbortController')) return;
        const declarator = parentOf(whole(made));
        if (!is(declarator, 'VariableDeclarator') || !is(declarator.id, 'Identifier')) return;
        const { name } = declarator.id;
        const variable = sourceCode.getDeclaredVariables(declarator)[0];
        if (variable !== undefined && givesOnlyItsSignal(variable))
          context.report({ node: made, messageId: 'neverAborted', data: { name } });
      },
    };
  },
};

/** It is in no other hands: each time it is named, it is to read its signal. */
function givesOnlyItsSignal(variable: Variable): boolean {
  const [definition] = variable.defs;
  const declaration = definition?.parent;
  // A global of a script is everybody's, and so is what is exported.
  if (declaration == null || is(parentOf(declaration), 'ExportNamedDeclaration')) return false;
  if (variable.scope.type === 'global') return false;
  const reads = variable.references.filter((reference) => reference.init !== true);
  return reads.length > 0 && reads.every(({ identifier }) => isReadOfSignal(identifier as Node));
}

function isReadOfSignal(identifier: Node): boolean {
  const value = whole(identifier);
  const user = parentOf(value);
  if (is(user, 'MemberExpression')) return user.object === value && keyOf(user) === 'signal';
  if (!is(user, 'VariableDeclarator') || user.init !== value || !is(user.id, 'ObjectPattern')) return false;
  return user.id.properties.every((property) => is(property, 'Property') && keyOf(property) === 'signal');
}

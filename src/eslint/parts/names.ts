/** What a name stands for: a global, a variable, something imported. */
import type { Scope, SourceCode } from 'eslint';
import { bare, is, keyOf, type Node, type NodeOf } from './nodes.ts';

export type Variable = Scope.Variable;

/** Undefined for a global that no configuration declares. */
export function variableOf(sourceCode: SourceCode, identifier: NodeOf<'Identifier'>): Variable | undefined {
  for (let scope: Scope.Scope | null = sourceCode.getScope(identifier); scope !== null; scope = scope.upper) {
    const variable = scope.set.get(identifier.name);
    if (variable !== undefined) return variable;
  }
  return undefined;
}

/** Whether the name is that of the platform, not one that the file gave to something else. */
export function isGlobal(sourceCode: SourceCode, node: Node, name: string): boolean {
  const value = bare(node);
  if (is(value, 'MemberExpression'))
    return keyOf(value) === name && isGlobal(sourceCode, value.object, 'globalThis');
  if (!is(value, 'Identifier') || value.name !== name) return false;
  return (variableOf(sourceCode, value)?.defs.length ?? 0) === 0;
}

/** `const name = value` in which nothing else is ever assigned. */
export function constantValue(variable: Variable | undefined): Node | undefined {
  const [definition, ...others] = variable?.defs ?? [];
  if (definition?.type !== 'Variable' || others.length > 0) return undefined;
  const { id, init } = definition.node;
  if (!is(id, 'Identifier') || init == null) return undefined;
  const writes = variable?.references.filter((reference) => reference.isWrite()) ?? [];
  return writes.every((write) => write.init === true) ? bare(init) : undefined;
}

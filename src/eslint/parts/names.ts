/** What a name stands for: a global, a variable, something imported. */
import type { Scope, SourceCode } from 'eslint';
import { bare, type FunctionNode, is, isFunction, keyOf, type Node, type NodeOf, parentOf } from './nodes.ts';

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

/** The one value that a variable ever gets, where it is declared or later. */
export function constantValue(variable: Variable | undefined): Node | undefined {
  const [definition, ...others] = variable?.defs ?? [];
  if (definition?.type !== 'Variable' || others.length > 0) return undefined;
  if (!is(definition.node.id, 'Identifier')) return undefined;
  const [write, ...more] = variable?.references.filter((reference) => reference.isWrite()) ?? [];
  if (write?.writeExpr == null || more.length > 0) return undefined;
  const target = parentOf(write.identifier as Node);
  // Not `for (const name of values)`, `name += value` or `[name] = values`.
  const isWhole =
    (is(target, 'VariableDeclarator') && target.init != null) ||
    (is(target, 'AssignmentExpression') && target.operator === '=');
  return isWhole ? bare(write.writeExpr as Node) : undefined;
}

/** The function that a name stands for, where it is in the file. */
export function functionOf(sourceCode: SourceCode, node: Node): FunctionNode | undefined {
  const value = bare(node);
  if (isFunction(value)) return value;
  if (!is(value, 'Identifier')) return undefined;
  const variable = variableOf(sourceCode, value);
  const declared = variable?.defs[0]?.node as Node | undefined;
  if (isFunction(declared) && variable?.defs[0]?.type === 'FunctionName') return declared;
  const constant = constantValue(variable);
  return isFunction(constant) ? constant : undefined;
}

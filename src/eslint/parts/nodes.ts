/** Nodes of the syntax tree, whichever parser made it: those of TypeScript that change no value are looked through. */
import type { SourceCode } from 'eslint';

export type Node = NonNullable<ReturnType<SourceCode['getNodeByRangeIndex']>>;
export type NodeOf<Type extends Node['type']> = Extract<Node, { type: Type }>;
export type FunctionNode = NodeOf<'FunctionDeclaration' | 'FunctionExpression' | 'ArrowFunctionExpression'>;

export function is<Type extends Node['type']>(
  node: Node | null | undefined,
  ...types: readonly Type[]
): node is NodeOf<Type> {
  return node != null && (types as readonly string[]).includes(node.type);
}

export function isFunction(node: Node | null | undefined): node is FunctionNode {
  return is(node, 'FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression');
}

export function parentOf(node: Node): Node | undefined {
  return (node as { readonly parent?: Node | null }).parent ?? undefined;
}

/** `value as T`, `value!`, `<T>value`, `value satisfies T`, and the chain around `a?.b`. */
const AROUND_A_VALUE = new Set([
  'ChainExpression',
  'TSAsExpression',
  'TSNonNullExpression',
  'TSSatisfiesExpression',
  'TSTypeAssertion',
]);

/** @returns the value in it */
export function bare(node: Node): Node {
  let inner = node;
  while (AROUND_A_VALUE.has(inner.type)) inner = (inner as unknown as { expression: Node }).expression;
  return inner;
}

/** @returns the outermost node that is this value */
export function whole(node: Node): Node {
  let outer = node;
  for (let parent = parentOf(outer); parent !== undefined && AROUND_A_VALUE.has(parent.type); )
    [outer, parent] = [parent, parentOf(parent)];
  return outer;
}

/** The function whose body or parameters it is in, undefined at the top of a module or in a class. */
export function functionAround(node: Node): FunctionNode | undefined {
  for (let at = parentOf(node); at !== undefined; at = parentOf(at)) {
    if (isFunction(at)) return at;
    if (is(at, 'PropertyDefinition', 'StaticBlock')) return undefined;
  }
  return undefined;
}

/** `b` of `a.b`, `a['b']` and `{ b: … }`; undefined where it is computed. */
export function keyOf(
  node: NodeOf<'MemberExpression' | 'Property' | 'PropertyDefinition'>,
): string | undefined {
  const key: Node = is(node, 'MemberExpression') ? node.property : node.key;
  if (is(key, 'PrivateIdentifier')) return `#${key.name}`;
  if (is(key, 'Literal')) return String(key.value);
  return is(key, 'Identifier') && !node.computed ? key.name : undefined;
}

/** `a.b.c` of these names, `this` included; undefined of anything else. */
export function pathOf(node: Node): string | undefined {
  const value = bare(node);
  if (is(value, 'Identifier')) return value.name;
  if (is(value, 'ThisExpression')) return 'this';
  if (!is(value, 'MemberExpression')) return undefined;
  const [object, key] = [pathOf(value.object), keyOf(value)];
  return object === undefined || key === undefined ? undefined : `${object}.${key}`;
}

export function classAround(node: Node): NodeOf<'ClassDeclaration' | 'ClassExpression'> | undefined {
  for (let at = parentOf(node); at !== undefined; at = parentOf(at))
    if (is(at, 'ClassDeclaration', 'ClassExpression')) return at;
  return undefined;
}

/** Whether `inner` is in `outer`, or is it. */
export function contains(outer: Node, inner: Node): boolean {
  for (let at: Node | undefined = inner; at !== undefined; at = parentOf(at)) if (at === outer) return true;
  return false;
}

/** `value` of a parameter or pattern `value = fallback`. */
export function withoutDefault(pattern: Node): Node {
  const target = (pattern as { parameter?: Node }).parameter ?? pattern;
  return is(target, 'AssignmentPattern') ? target.left : target;
}

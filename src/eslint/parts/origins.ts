/**
 * Where a value comes from, as one word: `axios#create().get` is the method of an instance that `axios.create()` made,
 * `undici#request` what undici exports under that name, `global#fetch` that of the platform.
 */
import type { SourceCode } from 'eslint';
import { constantValue, isGlobal, type Variable, variableOf } from './names.ts';
import { bare, classAround, is, keyOf, type Node, type NodeOf, pathOf } from './nodes.ts';

/** Where a value is not made in the file, what its type tells. */
export type OriginByType = (node: Node) => string | undefined;

export function originOf(
  sourceCode: SourceCode,
  node: Node,
  byType?: OriginByType,
  depth: number = 0,
): string | undefined {
  if (depth > 12) return undefined;
  const value = bare(node);
  const inner = (other: Node): string | undefined => originOf(sourceCode, other, byType, depth + 1);
  const found = (() => {
    if (is(value, 'Identifier')) return originOfName(sourceCode, value, inner);
    if (is(value, 'MemberExpression')) return originOfMember(sourceCode, value, inner);
    if (is(value, 'AwaitExpression')) return inner(value.argument);
    if (is(value, 'ImportExpression')) return moduleOf(value.source);
    if (is(value, 'NewExpression')) return followed(inner(value.callee), 'new()');
    if (!is(value, 'CallExpression')) return undefined;
    if (is(value.callee, 'Identifier') && value.callee.name === 'require')
      return moduleOf(value.arguments[0]);
    const callee = inner(value.callee);
    return callee === undefined ? undefined : `${callee}()`;
  })();
  return found ?? byType?.(value);
}

function originOfName(
  sourceCode: SourceCode,
  name: NodeOf<'Identifier'>,
  inner: (node: Node) => string | undefined,
): string | undefined {
  if (isGlobal(sourceCode, name, name.name)) return `global#${name.name}`;
  const variable = variableOf(sourceCode, name);
  const value = constantValue(variable);
  if (value !== undefined) return inner(value);
  return importedBy(variable) ?? destructured(variable, inner);
}

function originOfMember(
  sourceCode: SourceCode,
  member: NodeOf<'MemberExpression'>,
  inner: (node: Node) => string | undefined,
): string | undefined {
  const key = keyOf(member);
  if (key === undefined) return undefined;
  if (is(member.object, 'ThisExpression')) {
    const values = fieldValues(sourceCode, member, key);
    return values.length === 1 && values[0] !== undefined ? inner(values[0]) : undefined;
  }
  if (isGlobal(sourceCode, member.object, 'globalThis')) return `global#${key}`;
  return followed(inner(member.object), key);
}

/** A default export, a namespace and what `require()` returns are one thing here. */
function followed(origin: string | undefined, key: string): string | undefined {
  if (origin === undefined || key === 'default') return origin;
  return origin.endsWith('#') ? origin + key : `${origin}.${key}`;
}

function moduleOf(source: Node | undefined): string | undefined {
  return is(source, 'Literal') && typeof source.value === 'string'
    ? `${source.value.replace(/^node:/, '')}#`
    : undefined;
}

function importedBy(variable: Variable | undefined): string | undefined {
  const definition = variable?.defs[0];
  if (definition?.type !== 'ImportBinding') return undefined;
  const specifier = definition.node as Node & { moduleReference?: { expression?: Node } };
  // `import … = require(…)` of TypeScript.
  if (specifier.moduleReference !== undefined) return moduleOf(specifier.moduleReference.expression);
  const module = moduleOf((definition.parent as NodeOf<'ImportDeclaration'>).source);
  if (!is(specifier, 'ImportSpecifier')) return module;
  return followed(
    module,
    is(specifier.imported, 'Identifier') ? specifier.imported.name : String(specifier.imported.value),
  );
}

/** `const { request } = …`, as of `require()`. */
function destructured(
  variable: Variable | undefined,
  inner: (node: Node) => string | undefined,
): string | undefined {
  const definition = variable?.defs[0];
  if (definition?.type !== 'Variable' || variable === undefined) return undefined;
  const { id, init } = definition.node;
  if (!is(id, 'ObjectPattern') || init == null) return undefined;
  if (variable.references.some((reference) => reference.isWrite() && reference.init !== true))
    return undefined;
  for (const property of id.properties) {
    if (!is(property, 'Property') || !is(property.value, 'Identifier')) continue;
    const key = keyOf(property);
    if (property.value.name === variable.name && key !== undefined) return followed(inner(init), key);
  }
  return undefined;
}

/** The expression that made a value, where the file has it: behind names, and fields of a class. */
export function madeBy(sourceCode: SourceCode, node: Node, depth: number = 0): Node {
  const value = bare(node);
  const made = (() => {
    if (is(value, 'Identifier')) return constantValue(variableOf(sourceCode, value));
    if (!is(value, 'MemberExpression') || !is(value.object, 'ThisExpression')) return undefined;
    const key = keyOf(value);
    const values = key === undefined ? [] : fieldValues(sourceCode, value, key);
    return values.length === 1 ? values[0] : undefined;
  })();
  return made === undefined || depth > 8 ? value : madeBy(sourceCode, made, depth + 1);
}

/** All that its class assigns to a field. */
export function fieldValues(sourceCode: SourceCode, at: Node, key: string): readonly Node[] {
  const body = classAround(at)?.body;
  if (body === undefined) return [];
  const fields = fieldsOfClasses.get(body) ?? fieldsIn(sourceCode, body);
  fieldsOfClasses.set(body, fields);
  return fields.get(key) ?? [];
}

/** Each is gone through once: its methods name fields in every line. */
const fieldsOfClasses = new WeakMap<Node, ReadonlyMap<string, readonly Node[]>>();

function fieldsIn(sourceCode: SourceCode, body: NodeOf<'ClassBody'>): Map<string, Node[]> {
  const fields = new Map<string, Node[]>();
  const add = (key: string | undefined, value: Node): void => {
    if (key !== undefined) fields.set(key, [...(fields.get(key) ?? []), value]);
  };
  for (const member of body.body)
    if (is(member, 'PropertyDefinition') && member.value != null) add(keyOf(member), member.value);
  for (const node of allIn(sourceCode, body)) {
    if (!is(node, 'AssignmentExpression')) continue;
    const [object, key, ...more] = pathOf(node.left as Node)?.split('.') ?? [];
    if (object === 'this' && more.length === 0) add(key, node.right);
  }
  return fields;
}

/** The node itself and all that is in it, also in functions. */
export function* allIn(sourceCode: SourceCode, node: Node): Generator<Node> {
  const left = [node];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    yield next;
    left.push(...childrenOf(sourceCode, next).reverse());
  }
}

function childrenOf(sourceCode: SourceCode, node: Node): Node[] {
  const keys = sourceCode.visitorKeys[node.type] ?? [];
  return keys
    .flatMap((key) => (node as unknown as Record<string, unknown>)[key] as Node | Node[] | null)
    .filter((child): child is Node => child != null);
}

/** Whether an object of options has a key. What cannot be seen is unknown, and no rule speaks of it. */
import type { SourceCode } from 'eslint';
import { constantValue, variableOf } from './names.ts';
import { bare, is, isFunction, keyOf, type Node, type NodeOf, parentOf, whole } from './nodes.ts';

export type Holds = 'yes' | 'no' | 'unknown';

export function holds(sourceCode: SourceCode, options: Node | undefined, keys: readonly string[]): Holds {
  if (options === undefined) return 'no';
  const value = bare(options);
  if (is(value, 'ObjectExpression')) return inObject(sourceCode, value, keys);
  if (is(value, 'ConditionalExpression'))
    return oneOf(holds(sourceCode, value.consequent, keys), holds(sourceCode, value.alternate, keys));
  if (is(value, 'LogicalExpression'))
    return oneOf(holds(sourceCode, value.left, keys), holds(sourceCode, value.right, keys));
  if (is(value, 'Literal', 'TemplateLiteral') || isFunction(value)) return 'no';
  if (!is(value, 'Identifier')) return 'unknown';
  if (value.name === 'undefined') return 'no';
  return inVariable(sourceCode, value, keys);
}

function oneOf(...found: readonly Holds[]): Holds {
  if (found.every((each) => each === found[0])) return found[0] ?? 'unknown';
  return 'unknown';
}

function inObject(
  sourceCode: SourceCode,
  object: NodeOf<'ObjectExpression'>,
  keys: readonly string[],
): Holds {
  let found: Holds = 'no';
  for (const property of object.properties) {
    if (is(property, 'SpreadElement')) {
      const spread = holds(sourceCode, property.argument, keys);
      if (spread === 'yes') return 'yes';
      if (spread === 'unknown') found = 'unknown';
      continue;
    }
    const key = keyOf(property);
    if (key === undefined) found = 'unknown';
    else if (keys.includes(key)) return 'yes';
  }
  return found;
}

/** An object that is made where its name is, and of which all that is done later can be seen. */
function inVariable(sourceCode: SourceCode, name: NodeOf<'Identifier'>, keys: readonly string[]): Holds {
  const variable = variableOf(sourceCode, name);
  const value = constantValue(variable);
  if (!is(value, 'ObjectExpression') || variable === undefined) return 'unknown';
  for (const { identifier, init } of variable.references) {
    if (init === true || identifier === name) continue;
    const user = parentOf(whole(identifier as Node));
    if (!is(user, 'MemberExpression')) return 'unknown';
    const key = keyOf(user);
    if (key === undefined) return 'unknown';
    if (keys.includes(key)) return 'yes';
  }
  return inObject(sourceCode, value, keys);
}

/** The value of a key that stands in the object itself. */
export function valueAt(options: Node | undefined, key: string): Node | undefined {
  const object = options === undefined ? undefined : bare(options);
  if (!is(object, 'ObjectExpression')) return undefined;
  for (const property of object.properties)
    if (is(property, 'Property') && keyOf(property) === key) return bare(property.value);
  return undefined;
}

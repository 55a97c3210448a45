/** What TypeScript knows of a value, where the configuration has types; nothing otherwise. */
import type { SourceCode } from 'eslint';
import type { Node } from './nodes.ts';

export interface TypeFacts {
  /** Names of its type, of what that is a union of, and of what those extend. Empty when nothing is known. */
  namesOf(node: Node): ReadonlySet<string>;
  /** Whether all of these are properties of it. */
  has(node: Node, ...properties: readonly string[]): boolean;
  /** The name of a property that is an AbortSignal. */
  signalKeyOf(node: Node): string | undefined;
}

/** The part of TypeScript's API that is asked. The compiler is the user's own: none comes with this package. */
interface Type {
  readonly symbol?: { readonly name: string };
  readonly aliasSymbol?: { readonly name: string };
  readonly types?: readonly Type[];
  getProperty(name: string): object | undefined;
  getBaseTypes(): readonly Type[] | undefined;
  getConstraint(): Type | undefined;
}

interface Checker {
  getTypeOfSymbolAtLocation(symbol: object, at: object): Type;
  /** Without `undefined` and `null`, which have no properties. */
  getNonNullableType(type: Type): Type;
}

interface Services {
  readonly program?: { getTypeChecker(): Checker } | null;
  readonly esTreeNodeToTSNodeMap?: { get(node: Node): object };
  getTypeAtLocation?(node: Node): Type;
}

const SIGNAL_KEYS = ['signal', 'abortSignal'];
const NONE: ReadonlySet<string> = new Set();
const known = new WeakMap<SourceCode, TypeFacts>();

/** One for each file, as every rule asks. */
export function typesOf(sourceCode: SourceCode): TypeFacts {
  const facts = known.get(sourceCode) ?? factsOf(sourceCode.parserServices as Services);
  known.set(sourceCode, facts);
  return facts;
}

function factsOf({ program, esTreeNodeToTSNodeMap, getTypeAtLocation }: Services): TypeFacts {
  if (program == null || getTypeAtLocation === undefined || esTreeNodeToTSNodeMap === undefined)
    return { namesOf: () => NONE, has: () => false, signalKeyOf: () => undefined };
  const checker = program.getTypeChecker();
  const typeOf = (node: Node): Type => checker.getNonNullableType(getTypeAtLocation(node));
  return {
    namesOf: (node) => namesIn(typeOf(node)),
    has: (node, ...properties) => {
      const type = typeOf(node);
      return properties.every((name) => type.getProperty(name) !== undefined);
    },
    signalKeyOf(node) {
      const type = typeOf(node);
      return SIGNAL_KEYS.find((key) => {
        const property = type.getProperty(key);
        if (property === undefined) return false;
        const at = esTreeNodeToTSNodeMap.get(node);
        return namesIn(checker.getTypeOfSymbolAtLocation(property, at)).has('AbortSignal');
      });
    },
  };
}

function namesIn(type: Type, names: Set<string> = new Set(), depth: number = 0): Set<string> {
  if (depth > 8) return names;
  for (const symbol of [type.symbol, type.aliasSymbol]) if (symbol !== undefined) names.add(symbol.name);
  const constraint = type.symbol === undefined ? undefined : type.getConstraint();
  const parts = [...(type.types ?? []), ...(basesOf(type) ?? []), ...(constraint ? [constraint] : [])];
  for (const part of parts) if (part !== type) namesIn(part, names, depth + 1);
  return names;
}

/** The compiler asks for them only of classes and interfaces. */
function basesOf(type: Type): readonly Type[] | undefined {
  // A generic one, as `Request<Params>` of Express, has them at what it is an instance of.
  const { target } = type as { target?: Type };
  return type.getBaseTypes() ?? (target === type ? undefined : target?.getBaseTypes());
}

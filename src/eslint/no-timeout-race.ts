/** A race that only stops waiting: what has lost it goes on. */
import type { Rule, SourceCode } from 'eslint';
import { functionOf, isGlobal } from './parts/names.ts';
import { bare, is, isFunction, keyOf, type Node, type NodeOf } from './parts/nodes.ts';
import { allIn, madeBy, originOf } from './parts/origins.ts';
import { outgoingCall } from './parts/outgoing.ts';
import { ruleMeta } from './parts/rule-meta.ts';
import { type TypeFacts, typesOf } from './parts/types.ts';

export const noTimeoutRace: Rule.RuleModule = {
  meta: ruleMeta({
    name: 'no-timeout-race',
    description: 'A time limit ends what it limits.',
    messages: {
      race: '`{{call}}` goes on when the timer wins this race: nobody has told it. Pass `{ {{key}}: AbortSignal.timeout(ms) }` to it instead.',
    },
  }),
  create(context) {
    const { sourceCode } = context;
    const types = typesOf(sourceCode);
    return {
      CallExpression(race) {
        const { callee } = race;
        if (!is(callee, 'MemberExpression') || keyOf(callee) !== 'race') return;
        if (!isGlobal(sourceCode, callee.object, 'Promise')) return;
        const [racers] = race.arguments;
        if (!is(racers, 'ArrayExpression')) return;
        const elements = racers.elements.filter(
          (element): element is NonNullable<typeof element> => element !== null,
        );
        if (!elements.some((element) => isTimer(sourceCode, element))) return;
        for (const element of elements) {
          const call = uncancelledIn(sourceCode, types, element);
          if (call === undefined) continue;
          context.report({ node: race, messageId: 'race', data: call });
          return;
        }
      },
    };
  },
};

/** A promise that is rejected after a time. One that is fulfilled may be meant to go on without what it waited for. */
function isTimer(sourceCode: SourceCode, node: Node, depth: number = 0): boolean {
  const value = madeBy(sourceCode, node);
  if (is(value, 'NewExpression')) {
    const [executor] = value.arguments;
    return (
      isGlobal(sourceCode, value.callee, 'Promise') &&
      isFunction(executor) &&
      rejectsLater(sourceCode, executor)
    );
  }
  if (!is(value, 'CallExpression') || depth > 2) return false;
  if (is(value.callee, 'MemberExpression') && keyOf(value.callee) === 'then') {
    const [then] = value.arguments;
    const isDelay = originOf(sourceCode, value.callee.object) === 'timers/promises#setTimeout()';
    return (
      isDelay && isFunction(then) && [...allIn(sourceCode, then)].some((each) => is(each, 'ThrowStatement'))
    );
  }
  const made = functionOf(sourceCode, value.callee);
  return made !== undefined && resultsOf(made).some((each) => isTimer(sourceCode, each, depth + 1));
}

function rejectsLater(
  sourceCode: SourceCode,
  executor: NodeOf<'ArrowFunctionExpression' | 'FunctionExpression'>,
): boolean {
  const [, reject] = executor.params;
  if (!is(reject, 'Identifier')) return false;
  for (const node of allIn(sourceCode, executor.body)) {
    if (!is(node, 'CallExpression') || !isGlobal(sourceCode, node.callee, 'setTimeout')) continue;
    const [callback] = node.arguments;
    if (callback === undefined) continue;
    if ([...allIn(sourceCode, callback)].some((each) => is(each, 'Identifier') && each.name === reject.name))
      return true;
  }
  return false;
}

function resultsOf(made: Node & { body: Node }): Node[] {
  if (!is(made.body, 'BlockStatement')) return [made.body];
  return made.body.body.flatMap((statement) =>
    is(statement, 'ReturnStatement') && statement.argument != null ? [bare(statement.argument)] : [],
  );
}

/** A call that could be ended, and is not, of what is raced or of a function of the file that is called for it. */
function uncancelledIn(
  sourceCode: SourceCode,
  types: TypeFacts,
  element: Node,
  depth: number = 0,
): { call: string; key: string } | undefined {
  for (const node of allIn(sourceCode, depth === 0 ? madeBy(sourceCode, element) : element)) {
    if (!is(node, 'CallExpression')) continue;
    const outgoing = outgoingCall(sourceCode, types, node);
    if (outgoing?.hasSignal === 'no') return { call: outgoing.name, key: outgoing.key };
    const called = functionOf(sourceCode, node.callee);
    if (outgoing !== undefined || called === undefined || depth > 0 || isFunction(bare(node.callee)))
      continue;
    const found = uncancelledIn(sourceCode, types, called.body, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

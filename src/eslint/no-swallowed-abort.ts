/** A catch that takes the end of the work for one failure among others, and goes on with more work. */
import type { Rule, SourceCode } from 'eslint';
import { type Caller, signalsFor, sourceOf } from './parts/callers.ts';
import { contains, is, isFunction, keyOf, type Node, type NodeOf, parentOf } from './parts/nodes.ts';
import { allIn } from './parts/origins.ts';
import { ruleMeta } from './parts/rule-meta.ts';
import { awaitedCalls, mentions, namesWith } from './parts/signal-uses.ts';

export const noSwallowedAbort: Rule.RuleModule = {
  meta: ruleMeta({
    name: 'no-swallowed-abort',
    description: 'A catch around work with a signal does not go on with other work when that was aborted.',
    messages: {
      goesOn:
        'When `{{caller}}` is aborted, this catch takes that for a failure, and line {{line}} goes on with more work. Begin it with `{{look}}`.',
    },
  }),
  create(context) {
    const { sourceCode } = context;
    const source = sourceOf(context);
    return {
      TryStatement(node) {
        const attempt = node as NodeOf<'TryStatement'>;
        const { handler } = attempt;
        if (handler == null || isSelective(sourceCode, handler)) return;
        const callers = signalsFor(source, attempt);
        const caller = callers.find(({ parameter }) =>
          awaitedCalls(sourceCode, attempt.block).some((call) =>
            call.arguments.some((argument) => mentions(sourceCode, argument, new Set([parameter.name]))),
          ),
        );
        if (caller === undefined) return;
        const next = workAfter(sourceCode, attempt, caller);
        if (next === undefined) return;
        context.report({
          node: handler,
          messageId: 'goesOn',
          data: {
            caller: caller.text,
            line: String(next.loc?.start.line),
            look: `${caller.text}.throwIfAborted()`,
          },
        });
      },
    };
  },
};

/** It tells errors from each other, passes them on, or leaves. */
function isSelective(sourceCode: SourceCode, { param, body }: NodeOf<'CatchClause'>): boolean {
  for (const each of allIn(sourceCode, body))
    if (is(each, 'ThrowStatement', 'ReturnStatement', 'BreakStatement', 'YieldExpression')) return true;
  return TELLS.test(sourceCode.getText(body)) || (param != null && !is(param, 'Identifier'));
}

const TELLS = /abort|cancel|signal|\.name\b|\.code\b|instanceof|reject|next\(|emit\(|exit\(/i;
const LOOPS = [
  'ForStatement',
  'ForOfStatement',
  'ForInStatement',
  'WhileStatement',
  'DoWhileStatement',
] as const;

/** The first that is awaited behind it, and has nothing of the signal; undefined when the way there may end before. */
function workAfter(sourceCode: SourceCode, attempt: Node, caller: Caller): Node | undefined {
  if (isLookedAtAround(sourceCode, attempt, caller)) return undefined;
  const names = namesWith(sourceCode, caller);
  for (let at = attempt; at !== caller.given.body; ) {
    const parent = parentOf(at);
    if (parent === undefined || isFunction(parent)) return undefined;
    const rest = is(parent, 'BlockStatement') ? parent.body.slice(parent.body.indexOf(at as never) + 1) : [];
    for (const statement of rest) {
      const [call] = awaitedCalls(sourceCode, statement);
      if (call !== undefined && !isTidyingUp(call) && !mentions(sourceCode, statement, names)) return call;
      if (mayEnd(sourceCode, statement, names)) return undefined;
    }
    if (is(parent, ...LOOPS)) return nextRound(sourceCode, parent, attempt, names);
    at = parent;
  }
  return undefined;
}

/** A loop looks at the signal each time. */
function isLookedAtAround(sourceCode: SourceCode, attempt: Node, { given }: Caller): boolean {
  for (let at: Node | undefined = attempt; at !== undefined && at !== given; at = parentOf(at))
    if (is(at, ...LOOPS) && /aborted|throwIfAborted/.test(sourceCode.getText(at))) return true;
  return false;
}

function mayEnd(sourceCode: SourceCode, statement: Node, names: ReadonlySet<string>): boolean {
  for (const each of allIn(sourceCode, statement))
    if (is(each, 'ReturnStatement', 'ThrowStatement', 'BreakStatement', 'ContinueStatement')) return true;
  return mentions(sourceCode, statement, names);
}

/** What a loop awaits besides, as a pause before it tries again. */
function nextRound(
  sourceCode: SourceCode,
  loop: NodeOf<(typeof LOOPS)[number]>,
  attempt: Node,
  names: ReadonlySet<string>,
): Node | undefined {
  const { block } = attempt as NodeOf<'TryStatement'>;
  return awaitedCalls(sourceCode, loop.body).find(
    (call) => !contains(block, call) && !isTidyingUp(call) && !mentions(sourceCode, call, names),
  );
}

function isTidyingUp({ callee }: NodeOf<'CallExpression'>): boolean {
  const name = is(callee, 'MemberExpression') ? keyOf(callee) : is(callee, 'Identifier') ? callee.name : '';
  return /clos|clean|end|dispos|releas|flush|stop|unlink|^rm$|destroy|remove|delete|log|report|track|disconnect/i.test(
    name ?? '',
  );
}

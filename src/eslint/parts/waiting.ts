/** Whether anybody waits for a call, and whether its function hears by itself of who has left. */
import type { SourceCode } from 'eslint';
import type { Caller } from './callers.ts';
import {
  contains,
  functionAround,
  is,
  isFunction,
  keyOf,
  type Node,
  type NodeOf,
  parentOf,
} from './nodes.ts';

/** Started and left to itself, or what tidies up. */
export function isForNobody(call: NodeOf<'CallExpression'>): boolean {
  return isTidyingUp(call) || !isWaitedFor(call);
}

function isTidyingUp(call: Node): boolean {
  const around = functionAround(call);
  for (let at: Node | undefined = call; at !== undefined && at !== around; at = parentOf(at)) {
    const parent = parentOf(at);
    if (is(parent, 'CatchClause') || (is(parent, 'TryStatement') && parent.finalizer === at)) return true;
  }
  return false;
}

function isWaitedFor(call: NodeOf<'CallExpression'>): boolean {
  for (let at = parentOf(call); at !== undefined; at = parentOf(at)) {
    if (
      isFunction(at) ||
      is(at, 'AwaitExpression', 'ReturnStatement', 'VariableDeclarator', 'AssignmentExpression')
    )
      return true;
    if (is(at, 'UnaryExpression') && at.operator === 'void') return false;
    if (is(at, 'CallExpression') && is(at.callee, 'MemberExpression') && keyOf(at.callee) === 'waitUntil')
      return false;
    // `http.get(url, callback)`
    if (is(at, 'ExpressionStatement')) return call.arguments.some(isFunction);
  }
  return false;
}

/** How a function says itself that somebody has left. */
const BY_HAND =
  /addEventListener\(\s*['"]abort|\bonabort\b|\.(?:on|once|addListener|prependListener)\(\s*['"](?:close|aborted|abort|cancelled)['"]|AbortController|currentSignal|\.consumeStream\(/;

/** The function listens itself, or somebody else looks at the signal around the call. */
export function isHeardByHand(sourceCode: SourceCode, caller: Caller, call: Node): boolean {
  if (BY_HAND.test(sourceCode.getText(caller.given))) return true;
  return caller.kind === 'signal' && isGivenToOther(sourceCode, caller, call);
}

/** `retry(() => fetch(url), { signal })`: somebody else looks at it. */
function isGivenToOther(sourceCode: SourceCode, { text, given }: Caller, call: Node): boolean {
  for (let at: Node | undefined = parentOf(call); at !== undefined && at !== given; at = parentOf(at)) {
    if (!is(at, 'CallExpression', 'NewExpression')) continue;
    const others = at.arguments.filter((argument) => !contains(argument, call));
    if (others.some((argument) => sourceCode.getText(argument).includes(text.split('.').at(-1) ?? text)))
      return true;
  }
  return false;
}

/** A gRPC call that waits as long as its server likes. */
import type { Rule, SourceCode } from 'eslint';
import { isClient } from './parts/grpc-clients.ts';
import { functionOf, variableOf } from './parts/names.ts';
import { bare, functionAround, is, keyOf, type Node, type NodeOf, parentOf, whole } from './parts/nodes.ts';
import { holds } from './parts/options.ts';
import { originOf } from './parts/origins.ts';
import { ruleMeta } from './parts/rule-meta.ts';
import { type TypeFacts, typesOf } from './parts/types.ts';

/** Those of the client itself. */
const NO_CALLS = new Set(['close', 'getChannel', 'waitForReady']);

export const grpcDeadline: Rule.RuleModule = {
  meta: ruleMeta({
    name: 'grpc-deadline',
    description: 'A gRPC call has a deadline.',
    messages: {
      noDeadline:
        '`{{call}}` has no deadline, so it waits for as long as its server does not answer. Pass `{ deadline }`, or in a handler `{ parent: call }`, which has that of its caller.',
      add: 'Give it five seconds.',
    },
    hasSuggestions: true,
    schema: [{ type: 'object', properties: { streams: { type: 'boolean' } }, additionalProperties: false }],
  }),
  create(context) {
    const { sourceCode } = context;
    const types = typesOf(sourceCode);
    const withStreams = context.options[0]?.streams === true;
    return {
      CallExpression(node) {
        const call = node as NodeOf<'CallExpression'>;
        const { callee } = call;
        if (!is(callee, 'MemberExpression')) return;
        const method = keyOf(callee);
        if (method === undefined || NO_CALLS.has(method) || /^make\w+Request$/.test(method)) return;
        const last = call.arguments.at(-1);
        const hasCallback = last !== undefined && isCallback(sourceCode, last);
        if (!hasCallback && !(withStreams && isListenedTo(sourceCode, call))) return;
        if (!isClient(sourceCode, types, callee.object)) return;
        const others = hasCallback ? call.arguments.slice(0, -1) : call.arguments;
        if (others.some((argument, index) => mayEndIt(sourceCode, types, argument, index))) return;
        if (isCancelledByHand(sourceCode, call)) return;
        const suggest: Rule.SuggestionReportDescriptor[] = [];
        if (hasCallback)
          suggest.push({
            messageId: 'add',
            fix: (fixer) => fixer.insertTextBefore(last, '{ deadline: Date.now() + 5_000 }, '),
          });
        context.report({
          node: call,
          messageId: 'noDeadline',
          data: { call: sourceCode.getText(callee) },
          suggest,
        });
      },
    };
  },
};

function isCallback(sourceCode: SourceCode, node: Node): boolean {
  if (functionOf(sourceCode, node) !== undefined) return true;
  return is(node, 'Identifier') && /^(?:cb|callback|done|next|on[A-Z]\w*)$/.test(node.name);
}

/** `client.watch(request).on('data', …)`, or by the name of the stream. */
function isListenedTo(sourceCode: SourceCode, call: Node): boolean {
  return usesOf(sourceCode, call).some((user) => is(user, 'MemberExpression') && keyOf(user) === 'on');
}

/** Options with a deadline, or something that may be such options. */
function mayEndIt(sourceCode: SourceCode, types: TypeFacts, argument: Node, index: number): boolean {
  const found = holds(sourceCode, argument, ['deadline', 'parent']);
  if (found !== 'unknown') return found === 'yes';
  if (is(argument, 'SpreadElement')) return true;
  const value = bare(argument);
  const name = is(value, 'Identifier') ? value.name : '';
  // What comes first is what is asked for.
  if (index === 0) return /opt/i.test(name);
  if (originOf(sourceCode, value) === '@grpc/grpc-js#Metadata.new()') return false;
  return !types.namesOf(value).has('Metadata') && !/^(?:meta|metadata|md)$/i.test(name);
}

function isCancelledByHand(sourceCode: SourceCode, call: Node): boolean {
  const user = parentOf(whole(call));
  // Whoever gets it may.
  if (is(user, 'ReturnStatement', 'AssignmentExpression')) return true;
  const around = functionAround(call);
  return (
    is(user, 'VariableDeclarator') &&
    /\.cancel\b/.test(around === undefined ? sourceCode.getText() : sourceCode.getText(around))
  );
}

/** What is done with its result. */
function usesOf(sourceCode: SourceCode, call: Node): (Node | undefined)[] {
  const user = parentOf(whole(call));
  if (!is(user, 'VariableDeclarator') || !is(user.id, 'Identifier')) return [user];
  const references = variableOf(sourceCode, user.id)?.references ?? [];
  return references.map(({ identifier }) => parentOf(whole(identifier as Node)));
}

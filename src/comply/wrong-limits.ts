/** Limits that make no sense, and none at all. */
import { type Answer, describeAnswer, isGrpcInternal, meaningOf } from './answer.ts';
import { type Check, checkOf } from './check.ts';
import type { Examiner } from './examiner.ts';
import { type WrongKind, wrongValue } from './limit-values.ts';
import { limitFor } from './limits.ts';

export async function checkWrong(examiner: Examiner, header: string, kind: WrongKind): Promise<Check> {
  const limitMs = limitFor(examiner);
  const value = wrongValue(header, kind, limitMs);
  const shown = value === '' ? '' : ` (${value})`;
  const id = `wrong.${header}.${kind.replaceAll(' ', '-')}`;
  const asks = examiner.settings.isEnforced ? 'refused' : 'refused or ignored';
  const { answer } = await examiner.ask({ [header]: value });
  return checkOf(id, `${header}, ${kind}${shown}: ${asks}`)(...judge(examiner, answer, kind, limitMs));
}

export async function checkMissing(examiner: Examiner): Promise<Check> {
  const refusal = examiner.isGrpc ? 'INVALID_ARGUMENT' : '400';
  const check = checkOf('missing', `no limit: refused with ${refusal}`);
  if (!examiner.settings.isEnforced) return check('not asked', 'needs --enforced');
  const { answer } = await examiner.ask({});
  return check(isRefusal(examiner, answer) ? 'pass' : 'fail', describeAnswer(answer));
}

function judge(
  examiner: Examiner,
  answer: Answer,
  kind: WrongKind,
  limitMs: number,
): [Check['verdict'], string] {
  const { isGrpc, settings } = examiner;
  const seen = describeAnswer(answer);
  if (isRefusal(examiner, answer)) return ['pass', `${seen}: refused`];
  switch (meaningOf(answer, isGrpc)) {
    case 'refused':
      return ['pass', `${seen}: refused`];
    case 'failed':
      // What grpc-go and grpc-js say of a grpc-timeout that they cannot read.
      return isGrpc && isGrpcInternal(answer) ? ['pass', `${seen}: refused by its library`] : ['fail', seen];
    case 'late':
      // A limit below zero has passed; the others have not.
      return kind === 'negative' && answer.tookMs < 0.75 * limitMs
        ? ['pass', `${seen}: taken for one that has passed`]
        : ['fail', `${seen}: taken for a limit`];
    case 'ok':
      return settings.isEnforced && kind !== 'very large'
        ? ['fail', `${seen}: ignored, and not refused`]
        : ['pass', `${seen}: ignored`];
    case 'none':
      return ['fail', answer.how === 'silent' ? `${seen}: it hangs` : seen];
  }
}

function isRefusal({ isGrpc }: Examiner, answer: Answer): boolean {
  return meaningOf(answer, isGrpc) === 'refused' && (isGrpc || answer.status === 400);
}

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { classify, deadlineToleranceMs, type Subject } from '../../src/cancellation/classify.ts';
import type { Evidence } from '../../src/operation/evidence.ts';
import type { Cancellation, Deadline, Operation } from '../../src/operation/operation.ts';

const alone: Subject = { deadline: undefined, owner: undefined };
const running = { cancellation: undefined } as Operation;
const cancelled = { cancellation: { outcome: 'canceled', atMs: 5 } } as Operation;
const plain = new Error('enough');
const late = new DOMException('late', 'TimeoutError');
const stack = '    at caller (/app/a.js:1:2)';

const deadline = (atMs: number, timeoutMs: number): Deadline => ({
  atMs,
  timeoutMs,
  source: 'grpc-timeout',
  stack: undefined,
});

type Expected = readonly [Cancellation['outcome'], Cancellation['initiator'], Cancellation['trigger']];

const table: readonly (readonly [name: string, Subject, Evidence, Expected])[] = [
  [
    'a signal that somebody aborted',
    alone,
    { kind: 'signal', phase: 'wait', reason: plain, isTimeout: false, stack },
    ['canceled', 'local', 'abort'],
  ],
  [
    'a timeout signal',
    alone,
    { kind: 'signal', phase: 'wait', reason: late, isTimeout: true, stack },
    ['deadline_exceeded', 'local', 'signal_timeout'],
  ],
  [
    'an abort while the incoming operation runs',
    { ...alone, owner: running },
    { kind: 'signal', phase: 'wait', reason: plain, isTimeout: false, stack },
    ['canceled', 'local', 'abort'],
  ],
  [
    'an abort after the incoming operation was cancelled',
    { ...alone, owner: cancelled },
    { kind: 'signal', phase: 'wait', reason: plain, isTimeout: false, stack },
    ['canceled', 'inherited', 'abort'],
  ],
  [
    'a timeout signal after the incoming operation was cancelled',
    { ...alone, owner: cancelled },
    { kind: 'signal', phase: 'wait', reason: late, isTimeout: true, stack },
    ['deadline_exceeded', 'local', 'signal_timeout'],
  ],
  ...(['cancel', 'destroy', 'body_cancel', 'shutdown'] as const).flatMap(
    (trigger): (readonly [string, Subject, Evidence, Expected])[] => [
      [
        `a local ${trigger}`,
        alone,
        { kind: 'local', trigger, phase: 'receive', reason: plain, stack },
        ['canceled', 'local', trigger],
      ],
      [
        `a local ${trigger} without a reason`,
        alone,
        { kind: 'local', trigger, phase: 'receive', reason: undefined, stack: undefined },
        ['canceled', 'local', trigger],
      ],
      [
        `a local ${trigger} after the incoming operation was cancelled`,
        { ...alone, owner: cancelled },
        { kind: 'local', trigger, phase: 'receive', reason: plain, stack },
        ['canceled', 'inherited', trigger],
      ],
      [
        `a local ${trigger} with the error of a timeout`,
        { ...alone, owner: cancelled },
        { kind: 'local', trigger, phase: 'receive', reason: late, stack },
        ['deadline_exceeded', 'local', 'timeout'],
      ],
    ],
  ),
  ...(['deadline', 'timeout'] as const).map((trigger): readonly [string, Subject, Evidence, Expected] => [
    `a limit of this process, ${trigger}`,
    { ...alone, owner: cancelled },
    { kind: 'local-timeout', trigger, phase: 'handle', reason: late, stack },
    ['deadline_exceeded', 'local', trigger],
  ]),
  ['a peer that left', alone, { kind: 'peer-gone', phase: 'handle' }, ['canceled', 'peer', 'disconnect']],
  [
    'a peer that left when its deadline was due',
    { ...alone, deadline: deadline(1000, 300) },
    { kind: 'peer-gone', phase: 'handle' },
    ['deadline_exceeded', 'peer', 'disconnect'],
  ],
  [
    'a reset by the peer',
    alone,
    { kind: 'peer-reset', phase: 'write', rstCode: 8 },
    ['canceled', 'peer', 'reset'],
  ],
  [
    'a reset by the peer after its deadline',
    { ...alone, deadline: deadline(999, 300) },
    { kind: 'peer-reset', phase: 'write', rstCode: 8 },
    ['deadline_exceeded', 'peer', 'reset'],
  ],
  [
    'a reset by the peer long before its deadline',
    { ...alone, deadline: deadline(5000, 4500) },
    { kind: 'peer-reset', phase: 'write', rstCode: 8 },
    ['canceled', 'peer', 'reset'],
  ],
  ...(['canceled', 'deadline_exceeded'] as const).flatMap(
    (outcome): (readonly [string, Subject, Evidence, Expected])[] => [
      [
        `an answer of the peer that says ${outcome}`,
        { ...alone, owner: cancelled },
        { kind: 'peer-status', phase: 'wait', outcome, reason: 'details' },
        [outcome, 'peer', 'status'],
      ],
      [
        `an answer of our handler that says ${outcome}`,
        alone,
        { kind: 'own-status', phase: 'handle', outcome, reason: 'details', stack },
        [outcome, 'local', 'status'],
      ],
      [
        `the end of a parent, ${outcome}`,
        { ...alone, owner: cancelled },
        { kind: 'parent', phase: 'wait', outcome, reason: 'details', stack },
        [outcome, 'inherited', 'parent'],
      ],
    ],
  ),
];

describe('classify', () => {
  for (const [name, subject, evidence, [outcome, initiator, trigger]] of table) {
    it(`says of ${name}: ${outcome}, ${initiator}, ${trigger}`, () => {
      assert.deepEqual(classify(subject, evidence, 1000), {
        outcome,
        initiator,
        trigger,
        phase: evidence.phase,
        reason: 'reason' in evidence ? evidence.reason : undefined,
        stack: 'stack' in evidence ? evidence.stack : undefined,
        rstCode: evidence.rstCode,
        errorStatus: evidence.errorStatus,
        atMs: 1000,
        cause: initiator === 'inherited' ? subject.owner : undefined,
      });
    });
  }

  it('has no cause for a parent that no operation is known of', () => {
    const evidence: Evidence = {
      kind: 'parent',
      phase: 'wait',
      outcome: 'canceled',
      reason: undefined,
      stack: undefined,
    };
    const { initiator, cause } = classify(alone, evidence, 1);
    assert.deepEqual([initiator, cause], ['inherited', undefined]);
  });

  for (const kind of ['peer-gone', 'peer-reset'] as const) {
    it(`takes ${kind} for the deadline from the tolerance on, not before`, () => {
      for (const timeoutMs of [0, 1, 50, 100, 200, 10_000]) {
        const subject = { ...alone, deadline: deadline(1000, timeoutMs) };
        const firstMs = 1000 - deadlineToleranceMs(timeoutMs);
        assert.equal(
          classify(subject, { kind, phase: 'handle' }, firstMs).outcome,
          'deadline_exceeded',
          `first accepted, timeout of ${timeoutMs} ms`,
        );
        assert.equal(
          classify(subject, { kind, phase: 'handle' }, firstMs - 0.001).outcome,
          'canceled',
          `last refused, timeout of ${timeoutMs} ms`,
        );
        assert.equal(classify(subject, { kind, phase: 'handle' }, 5000).outcome, 'deadline_exceeded');
      }
    });
  }
});

describe('deadlineToleranceMs', () => {
  it('is a tenth of the timeout, between 25 and 50 ms, and at most half of it', () => {
    const expected = [
      [-100, 0],
      [0, 0],
      [10, 5],
      [50, 25],
      [51, 25],
      [250, 25],
      [260, 26],
      [500, 50],
      [501, 50],
      [1e9, 50],
      [Number.POSITIVE_INFINITY, 50],
    ] as const;
    for (const [timeoutMs, toleranceMs] of expected) {
      assert.ok(Math.abs(deadlineToleranceMs(timeoutMs) - toleranceMs) < 1e-9, `${timeoutMs}`);
    }
  });
});

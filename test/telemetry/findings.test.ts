import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { described, exported, recorderWith } from './recorder-lab.ts';

describe('a finding', () => {
  it('is an event each, and the most serious is the attribute, in whatever order they come', () => {
    const recorder = recorderWith();
    const operation = recorder.start(described());
    recorder.addFinding(operation, 'deadline_extended', 'by 5 s');
    recorder.addFinding(operation, 'cancel_not_sent', 'same tick');
    recorder.addFinding(operation, 'context_lost', 'x');
    recorder.settle(operation);
    const { attributes, events } = exported();
    assert.equal(attributes['cancel.finding'], 'cancel_not_sent');
    assert.deepEqual(
      events.map(({ name, attributes }) => [name, attributes]),
      [
        ['cancel.finding', { 'cancel.finding.rule': 'deadline_extended', 'cancel.finding.detail': 'by 5 s' }],
        [
          'cancel.finding',
          { 'cancel.finding.rule': 'cancel_not_sent', 'cancel.finding.detail': 'same tick' },
        ],
        ['cancel.finding', { 'cancel.finding.rule': 'context_lost', 'cancel.finding.detail': 'x' }],
      ],
    );
  });
});

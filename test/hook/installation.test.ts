import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createInstallation } from '../../src/hook/installation.ts';

describe('an installation', () => {
  it('reports the first fault and no more until it gives up', () => {
    const reports: [string, unknown][] = [];
    const installation = createInstallation((message, error) => reports.push([message, error]));
    for (let fault = 1; fault <= 9; fault++) {
      installation.fault(fault);
      assert.equal(installation.isActive, true, `after ${fault} faults`);
    }
    assert.deepEqual(reports, [['a hook failed; the application is not affected', 1]]);
  });

  it('switches itself off at the tenth fault and says so exactly once', () => {
    const reports: [string, unknown][] = [];
    const installation = createInstallation((message, error) => reports.push([message, error]));
    for (let fault = 1; fault <= 10; fault++) installation.fault(fault);
    assert.equal(installation.isActive, false);
    for (let fault = 11; fault <= 100; fault++) installation.fault(fault);
    assert.deepEqual(reports.slice(1), [['switched itself off after 10 failures', 10]]);
  });

  it('is not switched off when it may have any number of faults', () => {
    const reports: string[] = [];
    const installation = createInstallation((message) => reports.push(message), Number.POSITIVE_INFINITY);
    for (let fault = 1; fault <= 100; fault++) installation.fault(fault);
    assert.equal(installation.isActive, true);
    assert.equal(reports.length, 1);
  });

  it('guards a function: this and arguments are passed on, what it throws is a fault', () => {
    const reports: unknown[] = [];
    const { guard } = createInstallation((_message, error) => reports.push(error));
    const seen: unknown[] = [];
    const guarded = guard(function (this: string, ...args: number[]): void {
      seen.push(this, ...args);
      throw new Error('ours');
    });
    assert.equal(guarded.call('self', 1, 2), undefined);
    assert.deepEqual(seen, ['self', 1, 2]);
    assert.deepEqual(reports, [new Error('ours')]);
  });

  it('survives a logger that throws', () => {
    const installation = createInstallation(() => {
      throw new Error('no disk');
    });
    for (let fault = 1; fault <= 10; fault++) installation.fault(fault);
    assert.equal(installation.isActive, false);
  });

  it('is switched off by close(), and then does not speak of switching itself off', () => {
    const reports: string[] = [];
    const installation = createInstallation((message) => reports.push(message));
    installation.close();
    assert.equal(installation.isActive, false);
    for (let fault = 1; fault <= 20; fault++) installation.fault(fault);
    assert.equal(reports.length, 1);
  });
});

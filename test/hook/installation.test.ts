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

  it('is switched off by close(), and then does not speak of switching itself off', () => {
    const reports: string[] = [];
    const installation = createInstallation((message) => reports.push(message));
    installation.close();
    assert.equal(installation.isActive, false);
    for (let fault = 1; fault <= 20; fault++) installation.fault(fault);
    assert.equal(reports.length, 1);
  });
});

/** Every alert of deploy/prometheus/rules, judged by promtool: it fires, it recovers, it stays quiet. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { parse } from 'yaml';
import { findTool } from '../../support/monitoring-tools.ts';
import { check, ruleFiles, run, type Story } from './promtool.ts';
import { rateCases } from './rate-cases.ts';
import { shutdownCases } from './shutdown-cases.ts';
import { watchCases } from './watch-cases.ts';
import { workCases } from './work-cases.ts';

type Rule = { alert?: string; annotations?: Record<string, string> };
type RuleFile = { groups: { rules: Rule[] }[] };

const found = findTool('promtool');
const cases = [...rateCases, ...workCases, ...shutdownCases, ...watchCases];
/** Fires from the first evaluation on and never recovers: that is its use. */
const alwaysFiring = 'Watchdog';

/** Without promtool the test is left out. */
async function withPromtool(t: TestContext, test: (promtool: string) => Promise<void>): Promise<void> {
  if ('unavailable' in found) t.skip(found.unavailable);
  else await test(found.binary);
}

const checkStory = (t: TestContext, story: Story) => withPromtool(t, (promtool) => check(promtool, story));

function alertRules(): Rule[] {
  return readdirSync(ruleFiles).flatMap((name) => {
    const { groups } = parse(readFileSync(join(ruleFiles, name), 'utf8')) as RuleFile;
    return groups.flatMap(({ rules }) => rules.filter(({ alert }) => alert !== undefined));
  });
}

describe('alert rules', () => {
  it('are valid, and so is the configuration that loads them', (t) =>
    withPromtool(t, async (promtool) => {
      const failure = await run(promtool, ['check', 'config', join(ruleFiles, '../prometheus.yml')]);
      assert.equal(failure, undefined, failure);
    }));

  it('have a case each', () => {
    const names = alertRules().map(({ alert }) => alert);
    assert.deepEqual([...new Set(cases.map(({ alert }) => alert)), alwaysFiring].sort(), names.sort());
  });

  it('name a section of the runbook that exists', () => {
    const runbook = readFileSync(join(ruleFiles, '../../../docs/alerts.md'), 'utf8');
    const headings = [...runbook.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => heading.toLowerCase());
    for (const { alert, annotations } of alertRules()) {
      assert.equal(annotations?.runbook, `docs/alerts.md#${alert?.toLowerCase()}`);
      assert.ok(headings.includes(String(alert).toLowerCase()), `docs/alerts.md has no section ${alert}`);
    }
  });

  it(`${alwaysFiring} always fires, whatever there is`, (t) =>
    checkStory(t, {
      series: [],
      alerts: [0, 60].map((atMinute) => ({
        alert: alwaysFiring,
        atMinute,
        firing: [
          {
            labels: { severity: 'none' },
            annotations: {
              summary: 'Always firing: when this stops arriving, so have all other alerts',
              description:
                'To be received by something outside that calls when it has not heard of this for some minutes.',
              jaeger: 'http://localhost:16686/search',
              runbook: 'docs/alerts.md#watchdog',
            },
          },
        ],
      })),
    }));
});

for (const alertCase of cases) {
  const { alert, told, story, evaluationMinutes, quietAt, firesAt, recoveredAt, firing, quiet } = alertCase;
  describe(told === undefined ? alert : `${alert} (${told})`, () => {
    it('fires when there is trouble, not before, and recovers', (t) =>
      checkStory(t, {
        series: story,
        evaluationMinutes,
        alerts: [
          { alert, atMinute: quietAt, firing: [] },
          { alert, atMinute: firesAt, firing: [firing] },
          { alert, atMinute: recoveredAt, firing: [] },
        ],
      }));

    for (const [why, series] of Object.entries(quiet)) {
      it(`stays quiet: ${why}`, (t) =>
        checkStory(t, { series, evaluationMinutes, alerts: [{ alert, atMinute: firesAt, firing: [] }] }));
    }
  });
}

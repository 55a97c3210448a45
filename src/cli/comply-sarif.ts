/** What a server does not comply with, as SARIF for code scanning: a result for each check that failed, on the service. Pure. */
import type { Check } from '../comply/check.ts';
import { PACKAGE_NAME } from '../version.ts';
import { COMMAND_NAME } from './command-name.ts';
import type { Complied } from './comply-text.ts';
import { HOME, placeOfService, toolRun, writeLog } from './report/sarif.ts';
import { plain } from './text.ts';

export function sarifOfComplied({ address, operation, protocol, checks }: Complied): string {
  const failed = checks.filter(({ verdict }) => verdict === 'fail');
  const untold = checks.filter(({ verdict }) => verdict === 'cannot be told');
  const run = toolRun({
    name: `${COMMAND_NAME} comply`,
    id: `${PACKAGE_NAME}-comply`,
    rules: checks.map(ruleOf),
    isWhole: true,
    hasFailed: failed.length > 0,
    notes: untold.map(({ asks, seen }) => `cannot be told: ${asks}: ${seen}`),
    results: failed.map((check) => ({
      ruleId: check.id,
      ruleIndex: checks.indexOf(check),
      level: 'warning',
      message: { text: plain(`${operation}: ${check.asks}: ${check.seen}`) },
      locations: [
        {
          physicalLocation: placeOfService(address),
          logicalLocations: [{ name: plain(operation), kind: 'function' }],
        },
      ],
      // The port may be another one each time.
      partialFingerprints: { 'cancelTrace/v1': `${protocol} ${operation} ${check.id}` },
    })),
  });
  return writeLog([run]);
}

function ruleOf({ id, asks }: Check): object {
  const text = plain(asks);
  return {
    id,
    shortDescription: { text },
    fullDescription: { text },
    help: { text },
    helpUri: `${HOME}/blob/main/docs/comply.md#what-can-be-seen-and-how`,
    defaultConfiguration: { level: 'warning' },
  };
}

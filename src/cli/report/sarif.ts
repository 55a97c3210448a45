/**
 * Findings as SARIF 2.1.0, for code scanning: a result for each group of findings.
 *
 * @see https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
 */
import { ADVICE } from '../../spans/advice.ts';
import { PACKAGE_NAME, PACKAGE_VERSION } from '../../version.ts';
import { COMMAND_NAME } from '../command-name.ts';
import { plain, relativeTo } from '../text.ts';
import type { FindingGroup } from './finding-groups.ts';
import type { Judged } from './formats.ts';

export const HOME: string = `https://github.com/${PACKAGE_NAME}/${PACKAGE_NAME}`;
/** A rule that may fire on what is right. */
const GUESS = 'context_lost';

export function writeSarif(judged: Judged): string {
  return writeLog([runOf(judged)]);
}

export function writeLog(runs: readonly object[]): string {
  const log = { $schema: 'https://json.schemastore.org/sarif-2.1.0-rtm.5.json', version: '2.1.0', runs };
  return `${JSON.stringify(log, undefined, 2)}\n`;
}

export function runOf({ report, failures, known }: Judged): object {
  const rules = [...new Set(report.findings.map(({ rule }) => rule))].sort();
  return toolRun({
    name: COMMAND_NAME,
    id: COMMAND_NAME,
    rules: rules.map(ruleOf),
    isWhole: true,
    hasFailed: failures.length > 0,
    notes: [...failures, ...report.leftOut.map((what) => `left out: ${what}`)],
    results: report.findings.map((group) => resultOf(group, rules.indexOf(group.rule), report.root, known)),
  });
}

interface ToolRun {
  readonly name: string;
  /** By which code scanning tells runs apart. */
  readonly id: string;
  readonly rules: readonly object[];
  /** It could look at all that it was to look at. */
  readonly isWhole: boolean;
  readonly hasFailed: boolean;
  readonly notes: readonly string[];
  readonly results: readonly object[];
}

/** What one tool has found. */
export function toolRun({ name, id, rules, isWhole, hasFailed, notes, results }: ToolRun): object {
  return {
    tool: { driver: { name, semanticVersion: PACKAGE_VERSION, informationUri: HOME, rules } },
    automationDetails: { id: `${id}/` },
    invocations: [
      {
        executionSuccessful: isWhole,
        exitCode: hasFailed ? 1 : 0,
        toolExecutionNotifications: notes.map((text) => ({
          level: 'warning',
          message: { text: plain(text) },
        })),
      },
    ],
    originalUriBaseIds: { '%SRCROOT%': { description: { text: 'the folder of the sources' } } },
    results,
    columnKind: 'utf16CodeUnits',
  };
}

function ruleOf(rule: string): object {
  const text = ADVICE[rule] ?? rule;
  return {
    id: rule,
    name: rule.replace(/(^|_)(\w)/g, (_, __, letter) => letter.toUpperCase()),
    shortDescription: { text: rule.replaceAll('_', ' ') },
    fullDescription: { text },
    help: { text },
    helpUri: `${HOME}/blob/main/docs/after-the-cancel.md#findings`,
    defaultConfiguration: { level: rule === GUESS ? 'note' : 'warning' },
  };
}

function resultOf(
  group: FindingGroup,
  ruleIndex: number,
  root: string,
  known: ReadonlySet<string> | undefined,
): object {
  const { id, rule, service, operation, count, examples } = group;
  const [first] = examples;
  return {
    ruleId: rule,
    ruleIndex,
    level: rule === GUESS ? 'note' : 'warning',
    message: { text: plain(`${service} ${operation}: ${first?.detail ?? rule}`) },
    locations: [locationOf(group, root)],
    partialFingerprints: { 'cancelTrace/v1': id },
    occurrenceCount: count,
    ...(known === undefined ? {} : { baselineState: known.has(id) ? 'unchanged' : 'new' }),
    properties: { traceIds: [...new Set(examples.map(({ traceId }) => traceId))] },
  };
}

function locationOf({ service, operation, origin }: FindingGroup, root: string): object {
  const logical = {
    name: plain(operation),
    fullyQualifiedName: plain(`${service} ${operation}`),
    kind: 'function',
  };
  return { physicalLocation: physicalOf(service, origin, root), logicalLocations: [logical] };
}

/** Code scanning wants a file of each result. Of one of which no line is known the service stands for it. */
function physicalOf(service: string, origin: string | undefined, root: string): object {
  const place = /^(?:.*? \()?(.+?):(\d+):(\d+)\)?$/.exec(
    origin === undefined ? '' : relativeTo(root, origin),
  );
  if (place === null) return placeOfService(service);
  const [, file = '', line, column] = place;
  const region = { startLine: Math.max(1, Number(line)), startColumn: Math.max(1, Number(column)) };
  return { artifactLocation: artifactOf(file), region };
}

export function placeOfService(service: string): object {
  const description = { text: 'the service; no line is known' };
  return { artifactLocation: { uri: encodeURIComponent(service), description }, region: { startLine: 1 } };
}

/** Relative to the sources, or of this machine: code scanning takes no other scheme, and a stranger must not name one. */
export function artifactOf(file: string): object {
  const path = file.replaceAll('\\', '/').split('/').map(encodeURIComponent).join('/');
  if (/^[a-z]:[\\/]/i.test(file)) return { uri: `file:///${path.replace('%3A', ':')}` };
  return path.startsWith('/') ? { uri: `file://${path}` } : { uri: path, uriBaseId: '%SRCROOT%' };
}

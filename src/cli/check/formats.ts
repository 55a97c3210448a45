/** In what a check can be written: the code, and behind it what spans tell, as a report writes that. */
import { rules } from '../../eslint.ts';
import { groupBy } from '../../spans/group-by.ts';
import { PACKAGE_NAME, PACKAGE_VERSION } from '../../version.ts';
import { COMMAND_NAME } from '../command-name.ts';
import type { Formats } from '../report/destinations.ts';
import type { Judged } from '../report/formats.ts';
import { documentOf, markNew, REPORT_VERSION } from '../report/json.ts';
import { code, section, writeMarkdown } from '../report/markdown.ts';
import { artifactOf, HOME, runOf, toolRun, writeLog } from '../report/sarif.ts';
import { writeText } from '../report/text.ts';
import { plain } from '../text.ts';
import { byRule, type CodeFinding } from './code-finding.ts';
import { countOf, type Linted } from './lint.ts';

export interface Checked {
  readonly linted: Linted;
  /** What spans tell. Undefined: nobody asked. */
  readonly spans: Judged | undefined;
  /** All that it fails for. */
  readonly failures: readonly string[];
  /** Those for the code. */
  readonly codeFailures: readonly string[];
  /** Ids of findings that the baseline has. Undefined: there is none. */
  readonly known: ReadonlySet<string> | undefined;
}

export const FORMATS: Formats<Checked> = {
  text: { endings: ['.txt', '.text'], write: asText },
  json: { endings: ['.json'], write: asJson },
  markdown: { endings: ['.md', '.markdown'], write: asMarkdown },
  sarif: { endings: ['.sarif', '.sarif.json'], write: asSarif },
};

/** @returns lines, each with its line break */
function asText({ linted, spans, codeFailures, known }: Checked): string {
  const { findings, unread, leftOut } = linted;
  const files = groupBy(findings, ({ file }) => file);
  const inFiles = [...files].map(([file, found]) => {
    const lines = found.map(({ line, column, rule, message, id }) => {
      const mark = isNew(id, known) ? 'new: ' : '';
      return `  ${line}:${column}  ${mark}${rule}\n    ${plain(message)}\n`;
    });
    return `${plain(file)}\n${lines.join('')}`;
  });
  const indented = (lines: readonly string[]): string => lines.map((line) => `  ${plain(line)}\n`).join('');
  const text = [
    ...inFiles,
    unread.length === 0 ? '' : `Cannot be read\n${indented(unread)}`,
    leftOut.length === 0 ? '' : `Left out\n${indented(leftOut)}`,
    codeFailures.map((failure) => `! ${failure}\n`).join(''),
    `${summaryOf(linted)}\n`,
    spans === undefined ? '' : writeText(spans),
  ];
  return text.filter((part) => part !== '').join('\n');
}

function summaryOf({ findings, fileCount, typedCount }: Linted): string {
  const typed = typedCount === 0 ? '' : `, ${typedCount} of them with types`;
  return `${findings.length === 1 ? '1 finding' : `${findings.length} findings`} in ${countOf(fileCount)}${typed}`;
}

function isNew(id: string, known: ReadonlySet<string> | undefined): boolean {
  return known !== undefined && !known.has(id);
}

/** A report's, so that it is a baseline as well, with the code beside it. */
function asJson({ linted, spans, failures, known }: Checked): string {
  const findings = linted.findings.map((finding) => markNew(finding, known));
  const document = {
    report: REPORT_VERSION,
    madeBy: PACKAGE_VERSION,
    findings: [],
    ...(spans && documentOf(spans)),
    passed: failures.length === 0,
    failures,
    code: { ...linted, findings },
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

async function asMarkdown({ linted, spans, codeFailures, known }: Checked): Promise<string> {
  const { findings, unread, leftOut } = linted;
  const found = byRule(findings).flatMap(([rule, of]) => [
    `**${code(rule)}** ${of.length} – [why, and what to do](${pageOf(rule)})`,
    '',
    ...of.slice(0, MAX_EXAMPLES).map(({ file, line, message, id }) => {
      const mark = isNew(id, known) ? '**new** ' : '';
      return `- ${mark}${code(`${file}:${line}`)}: ${code(message)}`;
    }),
    ...(of.length > MAX_EXAMPLES ? [`- … and ${of.length - MAX_EXAMPLES} more`] : []),
    '',
  ]);
  const list = (texts: readonly string[]): string[] => texts.map((text) => `- ${code(text)}`);
  const lines = [
    '# Code that cannot be cancelled',
    '',
    ...(codeFailures.length === 0 ? ['**Passed.**'] : ['**Failed:**', '', ...list(codeFailures)]),
    '',
    `${summaryOf(linted)}.`,
    '',
    ...section('Findings', found),
    ...section('Cannot be read', list(unread)),
    ...section('Left out', list(leftOut)),
  ];
  return `${lines.join('\n')}${spans === undefined ? '' : `\n${await writeMarkdown(spans)}`}`;
}

const MAX_EXAMPLES = 20;

function pageOf(rule: string): string {
  return rules[rule]?.meta?.docs?.url ?? HOME;
}

/** Two runs in one log: code scanning tells them apart by their tools. */
function asSarif({ linted, spans, codeFailures, known }: Checked): string {
  const { findings, unread, leftOut } = linted;
  const ids = Object.keys(rules);
  const run = toolRun({
    name: `${COMMAND_NAME} check`,
    id: `${PACKAGE_NAME}-code`,
    rules: ids.map(ruleOf),
    isWhole: unread.length === 0,
    hasFailed: codeFailures.length > 0,
    notes: [
      ...codeFailures,
      ...unread.map((what) => `cannot be read: ${what}`),
      ...leftOut.map((what) => `left out: ${what}`),
    ],
    results: findings.map((finding) => resultOf(finding, ids.indexOf(finding.rule), known)),
  });
  return writeLog([run, ...(spans === undefined ? [] : [runOf(spans)])]);
}

function ruleOf(id: string): object {
  const text = rules[id]?.meta?.docs?.description ?? id;
  return {
    id,
    name: id.replace(/(^|-)(\w)/g, (_, __, letter) => letter.toUpperCase()),
    shortDescription: { text },
    fullDescription: { text },
    help: { text },
    helpUri: pageOf(id),
    defaultConfiguration: { level: 'warning' },
  };
}

function resultOf(finding: CodeFinding, ruleIndex: number, known: ReadonlySet<string> | undefined): object {
  const { id, rule, file, line, column, endLine, endColumn, message } = finding;
  const region = { startLine: line, startColumn: column, endLine, endColumn };
  return {
    ruleId: rule,
    ruleIndex,
    level: 'warning',
    message: { text: plain(message) },
    locations: [{ physicalLocation: { artifactLocation: artifactOf(file), region } }],
    partialFingerprints: { 'cancelTrace/v1': id },
    ...(known === undefined ? {} : { baselineState: known.has(id) ? 'unchanged' : 'new' }),
  };
}

/** The command `check`: what the source code tells of cancels that get lost, and, on demand, what spans do; one gate over both. */
import { resolve } from 'node:path';
import { rules } from '../../eslint.ts';
import { type Arguments, type Command, type Output, type Result, UsageError } from '../arguments.ts';
import { COMMAND_NAME } from '../command-name.ts';
import { readBaseline } from '../report/baseline.ts';
import { destinationsIn, FORMAT_OPTIONS, formatUsage, writeTo } from '../report/destinations.ts';
import type { Judged } from '../report/formats.ts';
import { failureOf, failuresOf, GATE_OPTIONS, GATE_USAGE, type Gates, gatesIn } from '../report/gates.ts';
import { reportOn } from '../report/report-on.ts';
import { TIME_OPTIONS, TIME_USAGE, timeIn } from '../time-options.ts';
import { byRule, type CodeFinding } from './code-finding.ts';
import { FORMATS } from './formats.ts';
import { lint } from './lint.ts';
import { toolsOf } from './tools.ts';

const CODE_RULES = Object.keys(rules);
/** So many cancels hop by hop, as a report has them. */
const PATHS = 3;
/** They judge spans only. */
const OF_SPANS = ['max-cancel-rate', 'max-wasted-ms', 'since', 'until'];

const USAGE = `usage: ${COMMAND_NAME} check [options] [paths]

What the source code tells of work that no cancel reaches, by the rules of docs/eslint.md: ${CODE_RULES.join(', ')}.
With --spans also what spans of a run tell, as ${COMMAND_NAME} report does. It is one gate over both. ESLint is that of the project, and so
is typescript-eslint, which reads TypeScript; their configuration is not looked at.

  paths            files and folders, in this folder (default: all of it). Left out are node_modules, dist, and what git ignores
  --spans SOURCE   a file of spans, or the address of a Jaeger, to be judged as well
${TIME_USAGE}${formatUsage(FORMATS)}
${GATE_USAGE}
Exits with 0 when it passes, with 1 when it fails, with 2 when it cannot look: no ESLint, no file, a file with an error of syntax, no spans.

  ${COMMAND_NAME} check
  ${COMMAND_NAME} check src --spans spans.jsonl --output check.sarif,check.md
`;

export const checkCommand: Command = {
  name: 'check',
  summary: 'finds in the source code what no cancel reaches; a gate for CI, together with report',
  usage: USAGE,
  options: { spans: { type: 'string' }, ...TIME_OPTIONS, ...FORMAT_OPTIONS, ...GATE_OPTIONS },
  run: check,
};

async function check(args: Arguments, output: Output): Promise<Result> {
  const { positionals, values } = args;
  const gates = gatesIn(args, CODE_RULES);
  const destinations = destinationsIn(args, FORMATS);
  const source = values.get('spans');
  if (source === undefined) assertNoneOfSpans(args, gates);
  const baseline = values.get('baseline');
  const known = baseline === undefined ? undefined : await readBaseline(baseline);

  const folder = process.cwd();
  const linted = await lint(positionals.length === 0 ? ['.'] : positionals, folder, toolsOf(folder));
  const spans = source === undefined ? undefined : await judge(source, args, gates, known, output);
  const codeFailures = failuresIn(linted.findings, gates, known);
  const failures = [...codeFailures, ...(spans?.failures ?? [])];
  const text = await writeTo(destinations, { linted, spans, failures, codeFailures, known });
  const exitCode = failures.length > 0 ? 1 : linted.unread.length > 0 ? 2 : 0;
  return { text, exitCode };
}

/** A gate that looks at nothing would pass. */
function assertNoneOfSpans({ values }: Arguments, gates: Gates): void {
  const option = OF_SPANS.find((name) => values.has(name));
  const rule = gates.rules?.find((name) => !CODE_RULES.includes(name));
  if (option !== undefined) throw new UsageError(`--${option} is about spans: it needs --spans`);
  if (rule !== undefined) throw new UsageError(`--fail-on: ${rule} is found in spans: it needs --spans`);
}

async function judge(
  source: string,
  args: Arguments,
  gates: Gates,
  known: ReadonlySet<string> | undefined,
  output: Output,
): Promise<Judged> {
  const asked = { source, root: resolve('.'), traceId: '', areAll: true, paths: PATHS };
  const report = await reportOn(source, asked, { ...timeIn(args), service: undefined }, output);
  return { report, failures: failuresOf(report, gates, known), known };
}

function failuresIn(
  findings: readonly CodeFinding[],
  gates: Gates,
  known: ReadonlySet<string> | undefined,
): string[] {
  const failing = findings.filter(({ rule, id }) => (gates.rules?.includes(rule) ?? true) && !known?.has(id));
  return byRule(failing).map(([rule, found]) => failureOf(rule, found.length, known));
}

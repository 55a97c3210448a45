/** The command `report`: broken propagation in the spans of a file or a Jaeger. */

import { findingsAmong, findingsOf } from '../spans/findings.ts';
import { cancelPathsOf, worstOf } from '../spans/path/cancel-path.ts';
import { readSpans } from '../spans/source.ts';
import type { ExportedSpan } from '../spans/span.ts';
import { UserError } from '../spans/user-error.ts';
import { PACKAGE_NAME } from '../version.ts';
import { type Arguments, type Command, type Result, UsageError } from './arguments.ts';
import { writeReport } from './report-json.ts';
import { drawReport } from './report-text.ts';

const DEFAULT_MINUTES = 60;
const DEFAULT_PATHS = 3;
/** A rule that may fire on what is right: shown, and no reason to fail. */
const GUESS = 'context_lost';

const USAGE = `usage: ${PACKAGE_NAME} report [options] <source>

Lists broken propagation of cancels and deadlines: the findings that spans have, deadlines that were lost
between client and server, and servers that vanished with requests in flight. And the worst cancels, hop by hop: who was told,
how, after how many ms, who stopped, who told the next ones, and for how long each went on.

  source           a file of spans as OTLP JSON, one object or one a line, or as Jaeger's user interface
                   downloads them; or the address of a Jaeger, such as http://localhost:16686
  --service NAME   of a Jaeger: traces of this service only, which do not tell whether a server vanished
  --since MINUTES  of a Jaeger: how far back (default ${DEFAULT_MINUTES})
  --paths N        so many cancels hop by hop, those that cost most first (default ${DEFAULT_PATHS})
  --trace ID       of this trace only, all of its cancels; the begin of its id is enough
  --json           the same as JSON

Exits with 0 when there are none (of ${GUESS}, a guess, there may be any), with 1 when there are any, with 2 when the source cannot be read or has no spans.

  ${PACKAGE_NAME} report http://localhost:16686 --since 10
  ${PACKAGE_NAME} report spans.jsonl --trace 8ad7e2d
`;

export const reportCommand: Command = {
  name: 'report',
  summary: 'lists broken propagation of cancels and deadlines in spans of a file or a Jaeger',
  usage: USAGE,
  options: {
    service: { type: 'string' },
    since: { type: 'string' },
    paths: { type: 'string' },
    trace: { type: 'string' },
    json: { type: 'boolean' },
  },
  run: report,
};

async function report({ positionals, values, flags }: Arguments): Promise<Result> {
  const [source, ...others] = positionals;
  if (source === undefined) throw new UsageError('report needs a file of spans or the address of a Jaeger');
  if (others.length > 0) throw new UsageError(`report takes one source, but has ${positionals.join(' ')}`);
  const since = values.get('since') ?? String(DEFAULT_MINUTES);
  if (!(Number(since) > 0)) throw new UsageError(`--since must be a number of minutes, but is ${since}`);
  const count = values.get('paths') ?? String(DEFAULT_PATHS);
  if (!/^\d+$/.test(count)) throw new UsageError(`--paths must be a number of cancels, but is ${count}`);
  const { spans: all, from } = await readSpans(source, {
    service: values.get('service'),
    sinceMs: Number(since) * 60_000,
  });
  // A gate that passes on nothing would hide that nothing is recorded.
  if (all.length === 0) throw new UserError(`${from}: no spans, so there is nothing to judge`);
  const traceId = values.get('trace')?.toLowerCase() ?? '';
  const isAsked = (span: ExportedSpan): boolean => span.traceId.startsWith(traceId);
  const spans = all.filter(isAsked);
  if (spans.length === 0) throw new UserError(`${from}: no trace ${traceId}`);
  // Whether a process has vanished is told by the other traces, too, and by those of other services.
  const known = values.has('service') ? findingsOf(all) : findingsAmong(all);
  const findings = known.filter(({ span }) => isAsked(span));
  const paths = cancelPathsOf(spans);
  const shown = traceId === '' ? worstOf(paths, Number(count)) : paths;
  const text = flags.has('json')
    ? writeReport(findings, shown, spans.length)
    : drawReport(findings, shown, spans.length);
  const isBroken = findings.some(({ rule }) => rule !== GUESS);
  return { text, exitCode: isBroken ? 1 : 0 };
}

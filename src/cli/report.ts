/** The command `report`: broken propagation in the spans of a file or a Jaeger. */

import { readSpans } from '../spans/source.ts';
import { UserError } from '../spans/user-error.ts';
import { PACKAGE_NAME } from '../version.ts';
import { type Arguments, type Command, type Result, UsageError } from './arguments.ts';
import { findingsOf } from './findings.ts';
import { drawReport } from './report-text.ts';

const DEFAULT_MINUTES = 60;
/** A rule that may fire on what is right: shown, and no reason to fail. */
const GUESS = 'context_lost';

const USAGE = `usage: ${PACKAGE_NAME} report [options] <source>

Lists broken propagation of cancels and deadlines: the findings that spans have, deadlines that were lost
between client and server, and servers that vanished with requests in flight.

  source           a file of spans as OTLP JSON, one object or one a line, or as Jaeger's user interface
                   downloads them; or the address of a Jaeger, such as http://localhost:16686
  --service NAME   of a Jaeger: traces of this service only
  --since MINUTES  of a Jaeger: how far back (default ${DEFAULT_MINUTES})

Exits with 0 when there are none (of ${GUESS}, a guess, there may be any), with 1 when there are any, with 2 when the source cannot be read or has no spans.

  ${PACKAGE_NAME} report http://localhost:16686 --since 10
  ${PACKAGE_NAME} report spans.jsonl
`;

export const reportCommand: Command = {
  name: 'report',
  summary: 'lists broken propagation of cancels and deadlines in spans of a file or a Jaeger',
  usage: USAGE,
  options: { service: { type: 'string' }, since: { type: 'string' } },
  run: report,
};

async function report({ positionals, values }: Arguments): Promise<Result> {
  const [source, ...others] = positionals;
  if (source === undefined) throw new UsageError('report needs a file of spans or the address of a Jaeger');
  if (others.length > 0) throw new UsageError(`report takes one source, but has ${positionals.join(' ')}`);
  const since = values.get('since') ?? String(DEFAULT_MINUTES);
  if (!(Number(since) > 0)) throw new UsageError(`--since must be a number of minutes, but is ${since}`);
  const { spans, from } = await readSpans(source, {
    service: values.get('service'),
    sinceMs: Number(since) * 60_000,
  });
  // A gate that passes on nothing would hide that nothing is recorded.
  if (spans.length === 0) throw new UserError(`${from}: no spans, so there is nothing to judge`);
  const findings = findingsOf(spans);
  const isBroken = findings.some(({ rule }) => rule !== GUESS);
  return { text: drawReport(findings, spans.length), exitCode: isBroken ? 1 : 0 };
}

/** The command `report`: what was cancelled, where it got lost, and what was done for nobody; as a gate, whether that is too much. */

import { resolve } from 'node:path';
import { isJaegerAddress } from '../../spans/source.ts';
import { type Arguments, type Command, type Output, type Result, UsageError } from '../arguments.ts';
import { COMMAND_NAME } from '../command-name.ts';
import { TIME_OPTIONS, TIME_USAGE, timeIn } from '../time-options.ts';
import { readBaseline } from './baseline.ts';
import { destinationsIn, FORMAT_OPTIONS, formatUsage, writeTo } from './destinations.ts';
import { FORMATS } from './formats.ts';
import { failuresOf, GATE_OPTIONS, GATE_USAGE, gatesIn } from './gates.ts';
import { reportOn } from './report-on.ts';
import type { Asked } from './summary.ts';

const DEFAULT_PATHS = 3;

const USAGE = `usage: ${COMMAND_NAME} report [options] <source>

What was cancelled, by which lines, and how far it got; work that was done for nobody; deadlines that were missed; findings: broken
propagation that spans tell, deadlines that were lost between client and server, servers that vanished with requests in flight.
As a gate, it fails when that is too much.

  source           a file of spans as OTLP JSON, one object or one a line, as --keep of ${COMMAND_NAME} view and the Collector's
                   file exporter write it, or as Jaeger's user interface downloads them; - is standard input; each may be
                   compressed by gzip; a folder of ${COMMAND_NAME} record; or the address of a Jaeger, such as
                   http://localhost:16686
  --service NAME   of a Jaeger: traces of this service only, which do not tell whether a server vanished
${TIME_USAGE}  --paths N        so many cancels hop by hop, those that cost most first (default ${DEFAULT_PATHS})
  --trace ID       of this trace only, all of its cancels; the begin of its id is enough
  --root FOLDER    files are told relative to it: where the programs have their sources (default this folder)
${formatUsage(FORMATS)}
${GATE_USAGE}
Exits with 0 when it passes, with 1 when it fails, with 2 when the source cannot be read or has no spans.

  ${COMMAND_NAME} report http://localhost:16686 --since 2h
  ${COMMAND_NAME} report spans.jsonl.gz --output report.html
  ${COMMAND_NAME} report spans.jsonl --fail-on cancel_not_propagated,work_after_cancel --baseline baseline.json
`;

export const reportCommand: Command = {
  name: 'report',
  summary: 'tells what was cancelled and what got lost, of spans of a file or a Jaeger; a gate for CI',
  usage: USAGE,
  options: {
    service: { type: 'string' },
    ...TIME_OPTIONS,
    paths: { type: 'string' },
    trace: { type: 'string' },
    root: { type: 'string' },
    ...FORMAT_OPTIONS,
    ...GATE_OPTIONS,
  },
  run: report,
};

async function report(args: Arguments, output: Output): Promise<Result> {
  const { positionals, values } = args;
  const [source, ...others] = positionals;
  if (source === undefined)
    throw new UsageError('report needs a file of spans, -, or the address of a Jaeger');
  if (others.length > 0) throw new UsageError(`report takes one source, but has ${positionals.join(' ')}`);
  const count = values.get('paths') ?? String(DEFAULT_PATHS);
  if (!/^\d+$/.test(count)) throw new UsageError(`--paths must be a number of cancels, but is ${count}`);
  // Whatever is wrong with them is said before a gigabyte is read.
  const time = timeIn(args);
  const gates = gatesIn(args);
  const destinations = destinationsIn(args, FORMATS);
  const baseline = values.get('baseline');
  const known = baseline === undefined ? undefined : await readBaseline(baseline);

  const service = values.get('service');
  const asked: Asked = {
    source: isJaegerAddress(source)
      ? `${source}: ${time.text}${service === undefined ? '' : ` of the service ${service}`}`
      : source,
    root: resolve(values.get('root') ?? '.'),
    traceId: values.get('trace')?.toLowerCase() ?? '',
    areAll: service === undefined,
    paths: Number(count),
  };
  const made = await reportOn(source, asked, { ...time, service }, output);
  const failures = failuresOf(made, gates, known);
  const text = await writeTo(destinations, { report: made, failures, known });
  return { text, exitCode: failures.length === 0 ? 0 : 1 };
}

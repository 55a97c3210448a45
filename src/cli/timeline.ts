/** The command `timeline`: all that was recorded on one clock, in a file that Perfetto opens; and why deadlines were missed. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../spans/user-error.ts';
import { eventsOf } from '../timeline/events.ts';
import { evidenceIn, type Run } from '../timeline/evidence.ts';
import { readRun } from '../timeline/read-run.ts';
import { verdictsOf } from '../timeline/verdict.ts';
import { writeTrace } from '../timeline/write-trace.ts';
import { type Arguments, type Command, type Output, type Result, UsageError } from './arguments.ts';
import { COMMAND_NAME } from './command-name.ts';
import { plain } from './text.ts';
import { TIME_OPTIONS, TIME_USAGE, timeIn } from './time-options.ts';

const DEFAULT_FILE = 'timeline.json';

const USAGE = `usage: ${COMMAND_NAME} timeline [options] <source>

Spans, the wire, event loops, garbage collection and CPU on one clock, as one file in Chrome's trace format, which Perfetto
(https://ui.perfetto.dev), chrome://tracing and speedscope open. And of each deadline that was missed, why: a blocked event loop,
a late wire, a slow peer; or what is missing to say so.

  source           a folder of ${COMMAND_NAME} record; a file of spans, or the address of a Jaeger
  --out FILE       what is written (default ${DEFAULT_FILE}, in the folder); compressed where it ends in .gz
  --capture FILE   a pcap or pcapng of the same time, where the folder has none. Needs Wireshark's tshark
  --keylog FILE    decodes TLS: as node --tls-keylog=FILE writes it
  --all            requests on the wire as well that are of no trace among the spans
${TIME_USAGE}
Exits with 0, and with 2 when it cannot read or write, or there are no spans.

  ${COMMAND_NAME} timeline recording
  ${COMMAND_NAME} timeline spans.jsonl --capture capture.pcap --out timeline.json.gz
`;

export const timelineCommand: Command = {
  name: 'timeline',
  summary: 'puts what was recorded on one clock, in a file for Perfetto; tells why deadlines were missed',
  usage: USAGE,
  options: {
    ...TIME_OPTIONS,
    out: { type: 'string' },
    capture: { type: 'string' },
    keylog: { type: 'string' },
    all: { type: 'boolean' },
  },
  run: timeline,
};

async function timeline(args: Arguments, { stderr }: Output): Promise<Result> {
  const { positionals, values, flags } = args;
  const [source, ...others] = positionals;
  if (source === undefined) throw new UsageError('timeline needs a folder of record, or a file of spans');
  if (others.length > 0) throw new UsageError(`timeline takes one source, but has ${positionals.join(' ')}`);
  const onLeftOut = (what: string) => stderr.write(`${COMMAND_NAME}: left out: ${what}\n`);
  const question = { ...timeIn(args), service: undefined };
  const [capture, keylog] = [values.get('capture'), values.get('keylog')];
  const areAll = flags.has('all');
  const run = await readRun({ source, capture, keylog, areAll, question }, { onLeftOut });
  if (run.spans.length === 0) throw new UserError(`${source}: no spans`);
  const evidence = evidenceIn(run);
  const verdicts = await verdictsOf(evidence);
  const isFolder = (await stat(source).catch(() => undefined))?.isDirectory() === true;
  const file = values.get('out') ?? join(isFolder ? source : '.', DEFAULT_FILE);
  const sentences = verdicts.map(({ sentence }) => sentence);
  await writeTrace(file, eventsOf(evidence), {
    'made by': COMMAND_NAME,
    'missed deadlines': sentences,
    clocks: clocksOf(run),
  });
  const told = sentences.map((sentence) => `${plain(sentence)}\n`).join('');
  return { text: `${told}${file}: ${contentOf(run)}\n`, exitCode: 0 };
}

function contentOf({ spans, exchanges, processes }: Run): string {
  const parts = [`${spans.length} spans`];
  if (exchanges.length > 0) parts.push(`${exchanges.length} requests on the wire`);
  if (processes.length > 0) parts.push(`${processes.length} processes`);
  return parts.join(', ');
}

/** How far what is shown at one instant may be apart. */
function clocksOf({ processes }: Run): string {
  if (processes.length === 0) return 'each span by the clock of its process';
  const bounds = processes.map(({ clock }) => clock.boundMs);
  return `the machine's; what processes recorded may be off by ${Math.max(...bounds).toFixed(3)} ms, spans by 1 ms more`;
}

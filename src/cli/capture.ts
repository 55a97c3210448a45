/** The command `capture`: what became of requests on the wire, beside what the spans say of them. */

import type { WireExchange } from '../capture/exchange.ts';
import { exchangesOf } from '../capture/exchanges.ts';
import { type Fact, factsOf, isNotable, remarksOn } from '../capture/facts.ts';
import { SpansOfExchanges, type ToldBySpans } from '../capture/told-by-spans.ts';
import { packetsOf } from '../capture/tshark.ts';
import { isRecording, readRecording } from '../recording/read.ts';
import { readSpans } from '../spans/source.ts';
import { UserError } from '../spans/user-error.ts';
import { type Arguments, type Command, type Output, type Result, UsageError } from './arguments.ts';
import { COMMAND_NAME } from './command-name.ts';
import { formatMs, plain, relativeTo } from './text.ts';
import { TIME_OPTIONS, TIME_USAGE, timeIn } from './time-options.ts';

const USAGE = `usage: ${COMMAND_NAME} capture [options] <source>

What became of each request on the wire: the time limit as it was sent, who reset or closed it, what was still sent afterwards, whether
the connection went on. HTTP/1.1 and HTTP/2 (gRPC). Needs Wireshark's tshark.

  source           a pcap or pcapng, as tcpdump writes it: tcpdump -i lo -w capture.pcap tcp port 8080; or a folder of
                   ${COMMAND_NAME} record, with the spans in it
  --spans SOURCE   a file of spans, or the address of a Jaeger: what they say of the same requests
${TIME_USAGE}  --keylog FILE    decodes TLS: as node --tls-keylog=FILE writes it
  --all            those as well to which nothing happened
  --json           one JSON object a line

Exits with 0, and with 2 when the file cannot be read or has no request.

  ${COMMAND_NAME} capture capture.pcap
  ${COMMAND_NAME} capture capture.pcap --spans http://localhost:16686 --json
`;

export const captureCommand: Command = {
  name: 'capture',
  summary: 'shows what became of requests on the wire, from a file of tcpdump or Wireshark',
  usage: USAGE,
  options: {
    ...TIME_OPTIONS,
    spans: { type: 'string' },
    keylog: { type: 'string' },
    all: { type: 'boolean' },
    json: { type: 'boolean' },
  },
  run: capture,
};

async function capture(args: Arguments, { stdout, stderr }: Output): Promise<Result> {
  const { positionals, values, flags } = args;
  const [source, ...others] = positionals;
  if (source === undefined) throw new UsageError('capture needs a file of tcpdump or Wireshark');
  if (others.length > 0) throw new UsageError(`capture takes one file, but has ${positionals.join(' ')}`);
  const { file, spansFile } = await inRecording(source);
  const spans = new SpansOfExchanges();
  const spansSource = values.get('spans') ?? spansFile;
  if (spansSource !== undefined)
    for await (const batch of readSpans(spansSource, { ...timeIn(args), service: undefined }))
      spans.add(batch);
  const counts = { all: 0, told: 0 };
  const onCutShort = () =>
    void stderr.write(`${file} ends in the middle of a packet: what is before that was read\n`);
  const packets = packetsOf({ file, keylog: values.get('keylog'), onCutShort });
  for await (const exchange of exchangesOf(packets)) {
    counts.all++;
    const isTold = isNotable(exchange);
    if (isTold) counts.told++;
    if (!isTold && !flags.has('all')) continue;
    const told = spans.of(exchange);
    stdout.write(
      flags.has('json') ? `${JSON.stringify(asJson(exchange, told))}\n` : drawExchange(exchange, told),
    );
  }
  if (counts.all === 0)
    throw new UserError(`${file}: no request of HTTP/1.1 or HTTP/2; of TLS, --keylog FILE decodes them`);
  const summary = `${counts.all} requests, ${counts.told} of them with something to tell.\n`;
  return { text: flags.has('json') ? '' : summary, exitCode: 0 };
}

/** @throws {UserError} of a recording without packets */
async function inRecording(
  source: string,
): Promise<{ readonly file: string; readonly spansFile?: string | undefined }> {
  if (!(await isRecording(source))) return { file: source };
  const { captureFile, spansFile, missing } = await readRecording(source);
  if (captureFile !== undefined) return { file: captureFile, spansFile };
  throw new UserError(`${source}: ${missing.find((what) => what.startsWith('the capture: '))}`);
}

function asJson(exchange: WireExchange, told: ToldBySpans | undefined) {
  return { ...exchange, facts: factsOf(exchange, told), remarks: remarksOn(exchange, told) };
}

function drawExchange(exchange: WireExchange, told: ToldBySpans | undefined): string {
  const { protocol, stream, client, server, method, target, traceId } = exchange;
  const where = `${protocol}${stream === undefined ? '' : ` stream ${stream}`}, ${client} → ${server}`;
  const trace = traceId === undefined ? '' : `, trace ${traceId}`;
  const facts = factsOf(exchange, told).map(drawFact).join('');
  const remarks = remarksOn(exchange, told).map((remark) => `  ${plain(remark)}\n`);
  return `${plain(method)} ${plain(target)}\n  ${where}${trace}\n${facts}${remarks.join('')}\n`;
}

function drawFact({ atMs, by, text }: Fact): string {
  return `  ${`+${formatMs(atMs)}`.padStart(12)}  ${by.padEnd(11)} ${relativeTo(process.cwd(), plain(text))}\n`;
}

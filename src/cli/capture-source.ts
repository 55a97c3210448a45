/** Where the command `capture` has its packets from: a file, a recording, or what goes over the wire while it runs. */
import { clearTimeout, setTimeout } from 'node:timers';
import type { WireExchange } from '../capture/exchange.ts';
import { exchangesOf, LIVE_LATE_DATA_MS } from '../capture/exchanges.ts';
import { type PacketSource, startCapturing } from '../capture/live.ts';
import { PacketsSeen } from '../capture/packets-seen.ts';
import { HOW_TO_CAPTURE, packetsOf, packetsWhileTheyCome } from '../capture/tshark.ts';
import { withTicks } from '../capture/with-ticks.ts';
import { isRecording, readRecording } from '../recording/read.ts';
import { UserError } from '../spans/user-error.ts';
import { type Arguments, UsageError } from './arguments.ts';
import { interfacesIn, portsIn } from './capture-options.ts';
import { COMMAND_NAME } from './command-name.ts';
import { onEndSignal } from './interrupts.ts';

export interface CaptureSource {
  readonly name: string;
  /** Of a recording. */
  readonly spansFile?: string | undefined;
  readonly exchanges: AsyncIterable<WireExchange>;
  /** Once they were read: there was something in TCP, of which they may be made. */
  readonly hasPackets: () => boolean;
}

const MAX_SECONDS = 2_000_000;
const MERGE = 'mergecap -w ALL FILE FILE makes one of them';
const FOR_LIVE = ['port', 'interface', 'for'];

/** @throws {UserError} */
export async function captureSource(args: Arguments, note: (text: string) => void): Promise<CaptureSource> {
  const { positionals, values, flags } = args;
  if (flags.has('live')) return await liveSource(args, note);
  for (const name of FOR_LIVE) if (values.has(name)) throw new UsageError(`--${name} is for --live`);
  const [source, ...others] = positionals;
  if (source === undefined) throw new UsageError('capture needs a file of tcpdump or Wireshark, or --live');
  if (others.length > 0)
    throw new UsageError(`capture takes one file, but has ${positionals.join(' ')}. ${MERGE}`);
  const { file, spansFile } = await inRecording(source);
  const onCutShort = () => note(`${file} ends in the middle of a packet: what is before that was read\n`);
  const onRemark = (sentence: string) => note(`${file}: ${sentence}\n`);
  const seen = new PacketsSeen();
  async function* exchanges(): AsyncGenerator<WireExchange> {
    let unread = 0;
    const packets = packetsOf({ file, keylog: values.get('keylog'), onCutShort, onRemark });
    yield* exchangesOf(seen.noting(packets), undefined, () => unread++);
    if (seen.inPart > 0) onRemark(seen.inPart === 1 ? IN_PART_ONE : `${seen.inPart} ${IN_PART}`);
    if (unread > 0) onRemark(`${unread} ${unread === 1 ? UNREAD_ONE : UNREAD}`);
  }
  return { name: file, spansFile, exchanges: exchanges(), hasPackets: () => seen.count > 0 };
}

const SORTED = 'Where it is of several captures, put it into the order of time first: reordercap FILE SORTED';
const UNREAD_ONE = `packet of HTTP/2 was recorded after what was sent later, and tshark does not read it: what was in it is missing here. ${SORTED}`;
const UNREAD = `packets of HTTP/2 were recorded after what was sent later, and tshark does not read them: what was in them is missing here. ${SORTED}`;

const IN_PART =
  'packets were captured in part only: what was in the rest is missing here. tcpdump -s 0 captures them whole';
const IN_PART_ONE =
  'a packet was captured in part only: what was in the rest is missing here. tcpdump -s 0 captures it whole';
export function noRequestsIn(name: string, hasPackets = true): UserError {
  return new UserError(`${name}: ${hasPackets ? NO_REQUEST : NO_PACKET}`);
}

const NO_REQUEST = 'no request of HTTP/1.1 or HTTP/2; of TLS, --keylog FILE decodes them';
const NO_PACKET = `no TCP packet with content in it. ${HOW_TO_CAPTURE}`;

/** @throws {UserError} of a recording without packets */
async function inRecording(
  source: string,
): Promise<{ readonly file: string; readonly spansFile?: string | undefined }> {
  if (!(await isRecording(source))) return { file: source };
  const { captureFile, spansFile, missing } = await readRecording(source);
  if (captureFile !== undefined) return { file: captureFile, spansFile };
  throw new UserError(`${source}: ${missing.find((what) => what.startsWith('the capture: '))}`);
}

async function liveSource(args: Arguments, note: (text: string) => void): Promise<CaptureSource> {
  const { positionals, values } = args;
  if (positionals.length > 0)
    throw new UsageError(`--live takes no file, but there is ${positionals.join(' ')}`);
  // They are not there yet when a request is told.
  if (values.has('spans')) throw new UsageError('--spans is for a file, not for --live');
  const ports = portsIn(args);
  if (ports.length === 0) throw new UsageError('--live needs --port, as in --port 8080,50051');
  const seconds = Number(values.get('for') ?? MAX_SECONDS);
  if (!(seconds > 0 && seconds <= MAX_SECONDS))
    throw new UsageError(`--for must be a number of seconds, but is ${values.get('for')}`);
  const interfaces = interfacesIn(args);
  const capture = await startCapturing({ interfaces, ports });
  if ('absent' in capture) throw new UserError(`nothing can be captured here (${capture.absent}). ${ADVICE}`);
  const name = `${interfaces.join(', ')}, TCP port ${ports.join(', ')}`;
  note(`${COMMAND_NAME}: capturing on ${name}; Ctrl-C ends\n`);
  let ending: Promise<string | undefined> | undefined;
  const end = (): Promise<string | undefined> => (ending ??= capture.stop());
  const stopListening = onEndSignal(() => void end());
  const timer = setTimeout(() => void end(), seconds * 1_000);
  async function* exchanges({ packets }: PacketSource): AsyncGenerator<WireExchange> {
    const options = { ports, keylog: values.get('keylog') };
    try {
      yield* exchangesOf(withTicks(packetsWhileTheyCome(packets, options)), LIVE_LATE_DATA_MS);
    } finally {
      stopListening();
      clearTimeout(timer);
      const lost = await end();
      if (lost !== undefined) note(`${COMMAND_NAME}: ${lost}\n`);
      packets.destroy();
    }
  }
  return { name, exchanges: exchanges(capture), hasPackets: () => true };
}

const ADVICE =
  'Root may; on Debian and Ubuntu, so may who is in the group wireshark, after: dpkg-reconfigure wireshark-common; elsewhere: setcap cap_net_raw,cap_net_admin+eip on dumpcap';

/** Decodes captures by Wireshark's `tshark`: one line of JSON for each packet that says something of HTTP. */
import { spawn } from 'node:child_process';
import { textLines } from '../spans/text-lines.ts';
import { UserError } from '../spans/user-error.ts';
import { type Packet, readPacket } from './packet.ts';

export interface CaptureFile {
  /** A pcap or pcapng. */
  readonly file: string;
  /** Of TLS, as `node --tls-keylog=FILE` and SSLKEYLOGFILE write it. */
  readonly keylog?: string | undefined;
  /** It ends in the middle of a packet, as that of a process that was killed does; what is before was read. */
  readonly onCutShort?: (() => void) | undefined;
}

/** How every HTTP/2 connection begins, as its client says it. */
const PREFACE = 'tcp.payload[0:14] == "PRI * HTTP/2.0"';
/** What else than HTTP says how a connection ended. */
const TOLD = 'http2 || http || tcp.flags.reset == 1 || tcp.flags.fin == 1';
const OPTIONS = [
  // The head of a message counts when it comes, not when its body is there.
  'http.desegment_body:FALSE',
  'http.dechunk_body:FALSE',
  'http.decompress_body:FALSE',
  // No second look at what the kernel or the network card has yet to fill in.
  'tcp.check_checksum:FALSE',
  'tcp.analyze_sequence_numbers:TRUE',
];

/**
 * In the order of the capture.
 * @throws {UserError} when tshark is missing, or the file is no capture
 */
export async function* packetsOf({ file, keylog, onCutShort }: CaptureFile): AsyncGenerator<Packet> {
  const tls = keylog === undefined ? [] : ['-o', `tls.keylog_file:${keylog}`];
  // tshark knows HTTP/2 without TLS by its port only: the ports on which somebody has begun so, whichever side spoke first.
  const ports = new Set<string>();
  for await (const line of linesOf(file, ['-Y', PREFACE, '-T', 'fields', '-e', 'tcp.dstport']))
    ports.add(line);
  const decodeAs = [...ports].flatMap((port) => ['-d', `tcp.port==${port},http2`]);
  // What is in a message of gRPC is nobody's business here, and where messages lie across packets tshark loses count of frames over it.
  const preferences = [...OPTIONS.flatMap((option) => ['-o', option]), '--disable-protocol', 'grpc'];
  const shown = ['-T', 'ek', '-Y', TOLD, '-J', 'frame ip ipv6 tcp http2 http'];
  for await (const line of linesOf(file, [...preferences, ...tls, ...decodeAs, ...shown], onCutShort)) {
    const packet = readPacket(line);
    if (packet !== undefined) yield packet;
  }
}

async function* linesOf(
  file: string,
  args: readonly string[],
  onCutShort?: () => void,
): AsyncGenerator<string> {
  // No names are looked up (-n): nothing is asked of a network.
  const child = spawn('tshark', ['-n', '-r', file, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-10_000);
  });
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'ENOENT' ? new UserError(MISSING) : error);
    });
    child.once('close', (code) => resolve(code ?? 1));
  });
  // Awaited below; an error of it may come before.
  ended.catch(() => {});
  try {
    for await (const { text } of textLines(child.stdout)) yield text.replace(/\r$/, '');
    const isFailure = (await ended) !== 0;
    if (isFailure && complaint.includes(CUT_SHORT)) onCutShort?.();
    else if (isFailure) throw new UserError(complaintOf(complaint, file));
  } finally {
    child.kill();
  }
}

const MISSING =
  'tshark is missing, which reads captures. Debian and Ubuntu: apt-get install tshark; macOS: brew install wireshark; others: https://www.wireshark.org/download.html';

const CUT_SHORT = 'cut short in the middle of a packet';

/** The last line is of the error; those before may be of who runs it. */
function complaintOf(text: string, file: string): string {
  const lines = text.split('\n').filter((line) => line.startsWith('tshark:'));
  return lines.at(-1) ?? `tshark could not read ${file}`;
}

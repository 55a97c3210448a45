/** Decodes captures by Wireshark's `tshark`: one line of JSON for each packet that says something of HTTP. */
import { type ChildProcessByStdio, type SpawnOptions, spawn } from 'node:child_process';
import { type FileHandle, stat } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import { textLines } from '../spans/text-lines.ts';
import { UserError } from '../spans/user-error.ts';
import { CaptureParts, PART_BYTES } from './capture-parts.ts';
import { type Packet, readPacket } from './packet.ts';

export interface CaptureFile {
  /** A pcap or pcapng. */
  readonly file: string;
  /** Of TLS, as `node --tls-keylog=FILE` and SSLKEYLOGFILE write it. */
  readonly keylog?: string | undefined;
  /** It ends in the middle of a packet, as that of a process that was killed does; what is before was read. */
  readonly onCutShort?: (() => void) | undefined;
  /** In a sentence, what tshark takes more memory for than it would need, or what it was not given. */
  readonly onRemark?: ((sentence: string) => void) | undefined;
}

/** How every HTTP/2 connection begins, as its client says it. */
const PREFACE = 'tcp.payload[0:14] == "PRI * HTTP/2.0"';
/**
 * How packets begin of a connection that was there before the capture, by the heads of frames: WINDOW_UPDATE, PING, RST_STREAM,
 * SETTINGS that are acknowledged, HEADERS of less than 64 KiB.
 */
const AMID = [
  'tcp.payload[0:5] == 00:00:04:08:00',
  'tcp.payload[0:4] == 00:00:08:06',
  'tcp.payload[0:5] == 00:00:04:03:00',
  'tcp.payload[0:9] == 00:00:00:04:01:00:00:00:00',
  ...['04', '05', '24', '25'].map(
    (flags) => `(tcp.payload[0:1] == 00 && tcp.payload[3:3] == 01:${flags}:00)`,
  ),
].join(' || ');
const CONTENT = 'tcp.len > 0 || tcp.flags.reset == 1 || tcp.flags.fin == 1';
/** Of a connection; one without content is shown for its number. */
const FIRST = 'tcp.time_relative == 0';
const OPTIONS = [
  // No second look at what the kernel or the network card has yet to fill in.
  'tcp.check_checksum:FALSE',
  'tcp.analyze_sequence_numbers:TRUE',
  'tcp.relative_sequence_numbers:TRUE',
];
/**
 * HTTP/1.1 is read here: tshark tells of a head when the body is there, or, told not to wait, misses answers in chunks. What is in a
 * message of gRPC is nobody's business, and where messages lie across packets tshark loses count of frames over it.
 */
const NO_HTTP1 = ['--disable-protocol', 'http'];
const NO_GRPC = ['--disable-protocol', 'grpc'];

/**
 * In the order of the capture.
 *
 * @param partBytes tshark keeps something of each packet: of a larger capture it is given one part after the other
 * @throws {UserError} when tshark is missing, or the file is no capture
 */
export async function* packetsOf(
  capture: CaptureFile,
  partBytes: number = PART_BYTES,
): AsyncGenerator<Packet> {
  const { file, keylog, onCutShort, onRemark } = capture;
  if (await isPipe(file)) throw new UserError(`${file}: ${PIPE}`);
  const parts = await CaptureParts.of(file, partBytes, onRemark);
  if (parts === undefined) {
    const http2 = decodeAs(await http2Ends([file]));
    yield* packetsIn(linesOf(file, [...NO_HTTP1, ...http2, ...shownOf(keylog)], { onCutShort }));
    return;
  }
  try {
    const http2 = decodeAs(await http2Ends(parts.forFirstReading));
    const args = [...NO_HTTP1, ...http2, ...shownOf(keylog, `${CONTENT} || ${FIRST}`)];
    yield* parts.joined((part) => packetsIn(linesOf(part, args)));
    if (!parts.isWhole) onCutShort?.();
  } finally {
    await parts.close();
  }
}

const PIPE = 'a pipe, but a capture is read more than once: write it to a file first';

async function isPipe(file: string): Promise<boolean> {
  if (file === '-') return true;
  const found = await stat(file).catch(() => undefined);
  return found !== undefined && (found.isFIFO() || found.isSocket() || found.isCharacterDevice());
}

export interface PacketsOptions {
  readonly ports: readonly number[];
  readonly keylog?: string | undefined;
}

/**
 * Of packets as a file of them would have them, while they come. What a connection speaks shows by its begin: of one that was there
 * before, HTTP/1.1 only is read.
 */
export async function* packetsWhileTheyCome(
  packets: Readable,
  { ports, keylog }: PacketsOptions,
): AsyncGenerator<Packet> {
  // Its HTTP/1.1 knows HTTP/2 by the preface. What it tells itself is not read, and it need not wait for anything.
  const plain = ['-o', 'http.desegment_headers:FALSE', '-o', 'http.desegment_body:FALSE'];
  const protocol = keylog === undefined ? 'http' : 'tls';
  const args = [
    ...(keylog === undefined ? plain : NO_HTTP1),
    ...ports.flatMap((port) => ['-d', `tcp.port==${port},${protocol}`]),
    ...shownOf(keylog),
    '-l',
  ];
  yield* packetsIn(linesOf('-', args, { packets }));
}

async function* packetsIn(lines: AsyncIterable<string>): AsyncGenerator<Packet> {
  for await (const line of lines) {
    const packet = readPacket(line);
    if (packet !== undefined) yield packet;
  }
}

function shownOf(keylog: string | undefined, filter: string = CONTENT): string[] {
  const tls = keylog === undefined ? [] : ['-o', `tls.keylog_file:${keylog}`];
  const layers = `frame ip ipv6 tcp http2${keylog === undefined ? '' : ' data'}`;
  const options = OPTIONS.flatMap((option) => ['-o', option]);
  return [...options, ...NO_GRPC, ...tls, '-T', 'ek', '-Y', filter, '-J', layers];
}

/** @returns each once: two ports of a connection of which a packet looks like HTTP/2 */
async function http2Ends(files: readonly Source[]): Promise<ReadonlySet<string>> {
  const ends = new Set<string>();
  const fields = ['-T', 'fields', '-e', 'tcp.srcport', '-e', 'tcp.dstport'];
  for (const file of files)
    for await (const line of linesOf(file, ['-Y', `${PREFACE} || ${AMID}`, ...fields])) ends.add(line);
  return ends;
}

/** tshark knows HTTP/2 without TLS by its port only: one of either end of each connection. */
function decodeAs(ends: ReadonlySet<string>): string[] {
  const pairs = [...ends].sort().map((line) => line.split('\t'));
  const peers = new Map<string, number>();
  for (const port of pairs.flat()) peers.set(port, (peers.get(port) ?? 0) + 1);
  // That of the server has more.
  const ports = new Set<string>();
  for (const pair of pairs) {
    const [busiest = ''] = pair.toSorted((one, other) => (peers.get(other) ?? 0) - (peers.get(one) ?? 0));
    if (!pair.some((port) => ports.has(port))) ports.add(busiest);
  }
  return [...ports].flatMap((port) => ['-d', `tcp.port==${port},http2`]);
}

/** The name of a file, or one that is open. */
type Source = string | FileHandle;

interface Input {
  /** What there is instead of a file. */
  readonly packets?: Readable;
  readonly onCutShort?: (() => void) | undefined;
}

async function* linesOf(
  file: Source,
  args: readonly string[],
  { packets, onCutShort }: Input = {},
): AsyncGenerator<string> {
  const child = packets === undefined ? spawnOn(file, args) : spawnWith(packets, args);
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
    const code = await ended;
    const isFailure = code !== 0;
    if (code === NOT_FOUND) throw new UserError(MISSING);
    if (isFailure && complaint.includes(CUT_SHORT)) onCutShort?.();
    else if (isFailure) throw new UserError(complaintOf(complaint, file));
  } finally {
    child.stdin?.destroy();
    child.kill();
  }
}

// No names are looked up (-n): nothing is asked of a network.
const NO_NAMES = '-n';

function spawnOn(
  file: Source,
  args: readonly string[],
): ChildProcessByStdio<Writable | null, Readable, Readable> {
  const [name, input] = typeof file === 'string' ? [file, 'ignore' as const] : ['-', file.fd];
  const options: SpawnOptions = { stdio: [input, 'pipe', 'pipe'] };
  return spawn('tshark', [NO_NAMES, '-r', name, ...args], options) as ReturnType<typeof spawnWith>;
}

function spawnWith(
  packets: Readable,
  args: readonly string[],
): ChildProcessByStdio<Writable, Readable, Readable> {
  // It takes a pipe, which those of Node are not: they are sockets.
  const script = 'cat | tshark "$@"';
  const child = spawn('sh', ['-c', script, 'sh', NO_NAMES, '-r', '-', ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    // Ctrl-C at the terminal ends the capture, of which the rest is to be read.
    detached: true,
  });
  // It may have ended: why is told then.
  packets.pipe(child.stdin.on('error', () => {}));
  return child;
}

/** As a shell ends that has not found what it was to run. */
const NOT_FOUND = 127;

const MISSING =
  'tshark is missing, which reads captures. Debian and Ubuntu: apt-get install tshark; macOS: brew install wireshark; others: https://www.wireshark.org/download.html';

const CUT_SHORT = 'cut short in the middle of a packet';

const NO_CAPTURE = "isn't a capture file";
export const HOW_TO_CAPTURE = 'A capture is what tcpdump, dumpcap or tshark writes by -w FILE';

/** The last line is of the error; those before may be of who runs it. */
function complaintOf(text: string, file: Source): string {
  const lines = text.split('\n').filter((line) => line.startsWith('tshark:'));
  const last = lines.at(-1);
  if (last?.includes(NO_CAPTURE)) return `${last} ${HOW_TO_CAPTURE}`;
  return last ?? `tshark could not read ${typeof file === 'string' ? file : 'a part of it'}`;
}

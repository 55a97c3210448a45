/** What goes over the wire while something runs, by Wireshark's dumpcap or by tcpdump, where one of them may capture. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { setTimeout as wait } from 'node:timers/promises';

export interface CaptureWish {
  readonly interfaces: readonly string[];
  /** Of TCP. Empty: all. */
  readonly ports: readonly number[];
  /** That is left out where all are captured. */
  readonly exceptPort?: number;
}

export interface LiveOptions extends CaptureWish {
  /** Without its ending, which the program's choice of a format decides. */
  readonly file: string;
}

export interface PacketSource {
  /** As a file of packets has them: pcap or pcapng, which `ending` names. */
  readonly packets: Readable;
  readonly ending: string;
  /** All that was sent until now is among them; then they end. @returns what is not, in a sentence */
  stop(): Promise<string | undefined>;
}

export interface LiveCapture {
  readonly file: string;
  /** All that was sent until now is in the file. @returns what is not, in a sentence */
  stop(): Promise<string | undefined>;
}

interface Tool {
  readonly name: string;
  readonly ending: string;
  /** What it says once it captures. */
  readonly ready: RegExp;
  readonly args: (wish: CaptureWish, filter: string) => readonly string[];
}

/** The kernel hands packets over after a quarter of a second at the latest. */
const FLUSH_MS = 400;
const END_MS = 3_000;
const BUFFER_MIB = 16;
/** Bytes: of no packet more are kept. On loopback they are of 64 KiB and their heads. */
const PACKET_BYTES = 65_600;
/** As if each packet were that long, tcpdump has room for it. */
const BUFFER_PACKETS = 2_000;

/**
 * They write to a pipe and not to the file: when this process is killed they end by the next packet. And where no root is needed, it is
 * dumpcap that may.
 */
const TOOLS: readonly Tool[] = [
  {
    name: 'dumpcap',
    ending: 'pcapng',
    ready: /^File: /m,
    args: ({ interfaces }, filter) => [
      ...['-q', '-B', `${BUFFER_MIB}`, '-f', filter, '-w', '-'],
      ...interfaces.flatMap((name) => ['-i', name]),
    ],
  },
  {
    name: 'tcpdump',
    ending: 'pcap',
    ready: /listening on/,
    args: ({ interfaces: [name = 'any'] }, filter) => [
      ...['-i', name, '--immediate-mode', '-U', '-s', `${PACKET_BYTES}`],
      ...['-B', `${(BUFFER_PACKETS * PACKET_BYTES) >> 10}`, '-w', '-', filter],
    ],
  },
];

/** Into a file. @returns or why there is none */
export async function startLiveCapture(
  options: LiveOptions,
): Promise<LiveCapture | { readonly absent: string }> {
  const source = await startCapturing(options);
  if ('absent' in source) return source;
  const file = `${options.file}.${source.ending}`;
  const written = finished(source.packets.pipe(createWriteStream(file))).catch(
    (error: Error) => error.message,
  );
  return {
    file,
    async stop() {
      const lost = await source.stop();
      const failure = await written;
      return failure === undefined ? lost : `the rest could not be written (${failure})`;
    },
  };
}

/** @returns or why there is none */
export async function startCapturing(wish: CaptureWish): Promise<PacketSource | { readonly absent: string }> {
  const reasons: string[] = [];
  for (const tool of TOOLS) {
    const started = await startTool(tool, wish);
    if ('stop' in started) return started;
    reasons.push(started.absent);
  }
  return { absent: reasons.join('; ') };
}

async function startTool(tool: Tool, wish: CaptureWish): Promise<PacketSource | { absent: string }> {
  const { ports, exceptPort, interfaces } = wish;
  if (tool.name === 'tcpdump' && interfaces.length > 1)
    return { absent: 'tcpdump captures one interface only' };
  const all = exceptPort === undefined ? 'tcp' : `tcp and not port ${exceptPort}`;
  const filter = ports.map((port) => `tcp port ${port}`).join(' or ') || all;
  // Of its own group: Ctrl-C at the terminal is for the program, and what that does then is captured as well.
  const child = spawn(tool.name, tool.args(wish, filter), {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-10_000);
  });
  const why = await isReady(child, tool, () => said);
  if (why !== undefined) return { absent: why };
  // The program's end is waited for, not this one's.
  child.unref();
  return {
    packets: child.stdout,
    ending: tool.ending,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null)
        return `${tool.name} ended before it was told to: ${complaintOf(said)}`;
      await wait(FLUSH_MS);
      child.kill('SIGINT');
      const late = setTimeout(() => child.kill('SIGKILL'), END_MS);
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      clearTimeout(late);
      return droppedIn(said);
    },
  };
}

/** @returns why it captures nothing */
async function isReady(child: ChildProcess, tool: Tool, said: () => string): Promise<string | undefined> {
  return await new Promise((resolve) => {
    child.once('error', ({ code }: NodeJS.ErrnoException) =>
      resolve(`${tool.name} ${code === 'ENOENT' ? 'is not there' : 'may not be run by you'}`),
    );
    child.once('close', () => resolve(`${tool.name}: ${complaintOf(said()) || 'it ended at once'}`));
    child.stderr?.on('data', () => {
      if (tool.ready.test(said())) resolve(undefined);
    });
  });
}

/** What it complains of, in a line; advice may follow. */
function complaintOf(said: string): string {
  return /^(?:dumpcap|tcpdump): (.*)$/m.exec(said)?.[1] ?? said.trim().split('\n').at(-1) ?? '';
}

/** As dumpcap and tcpdump tell it at their end. */
function droppedIn(said: string): string | undefined {
  const dropped =
    /received\/dropped on interface .*: \d+\/(\d+)/.exec(said)?.[1] ??
    /^(\d+) packets dropped by kernel/m.exec(said)?.[1];
  return Number(dropped ?? 0) > 0 ? `${dropped} packets came faster than they could be written` : undefined;
}

/** The command `record`: all that a program does while it runs, in one folder on one clock. */
import { rm } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { type LiveCapture, startLiveCapture } from '../capture/live.ts';
import { startKeeping } from '../desk/keeping.ts';
import { RECORDING_FILE, type RecordingInfo } from '../recording/format.ts';
import { makeRecordingFolder, writeRecordingInfo } from '../recording/write.ts';
import { isCancelled } from '../spans/cancel.ts';
import { SPANS_FILE } from '../spans/source.ts';
import { UserError } from '../spans/user-error.ts';
import { type Arguments, type Command, type Output, type Result, UsageError } from './arguments.ts';
import { interfacesIn, LOOPBACK, portsIn } from './capture-options.ts';
import { COMMAND_NAME } from './command-name.ts';
import { instrumentedEnvironment, preloaded, runProgram } from './program.ts';
import { recordingText } from './recording-text.ts';

const USAGE = `usage: ${COMMAND_NAME} record [options] -- command [arguments]

Runs a program and writes into a folder what it does: its spans, what it sends over the wire, and of each of its Node.js processes
the CPU profile, stalls of the event loop and garbage collections, on one clock. A program that is killed or crashes leaves what was
until then.

  --out FOLDER     that is empty or not there yet (default ${COMMAND_NAME.replace('trace', 'recording')}-<date>)
  --async          also the async resources that are pending, by type and line; slows the program down
  --capture        fails where packets may not be captured; without it the program is recorded without them
  --no-capture     no packets
  --interface LIST that are captured, separated by commas (default ${LOOPBACK})
  --port LIST      TCP ports that are captured, separated by commas (default all)

Packets are captured by Wireshark's dumpcap or by tcpdump, where you may run it. The program's output, signals, exit code and
terminal are its own; exits as run does: with 128 and the number of the signal that ended the program, with 2 when it could not be
started.

  ${COMMAND_NAME} record -- node app.js
  ${COMMAND_NAME} record --out slow --async -- npm start
`;

export const recordCommand: Command = {
  name: 'record',
  summary: 'runs a program, and writes spans, packets, CPU profile and stalls of its event loop to a folder',
  usage: USAGE,
  takesProgram: true,
  options: {
    out: { type: 'string' },
    async: { type: 'boolean' },
    capture: { type: 'boolean' },
    'no-capture': { type: 'boolean' },
    interface: { type: 'string' },
    port: { type: 'string' },
  },
  run: record,
};

async function record(args: Arguments, { stderr }: Output): Promise<Result> {
  const { positionals, rest, flags, values } = args;
  const [command, ...commandArgs] = rest ?? [];
  if (command === undefined || positionals.length > 0)
    throw new UsageError(`record needs a command after --, as in: ${COMMAND_NAME} record -- node app.js`);
  const wanted = captureIn(args);
  const name = values.get('out') ?? `cancel-recording-${stamp(new Date())}`;
  const folder = resolve(name);
  await makeRecordingFolder(folder);
  const isAsync = flags.has('async');
  const counts = { spans: 0, cancelled: 0 };
  const spansFile = join(folder, SPANS_FILE);
  const keeping = await startKeeping(spansFile, (spans) => {
    counts.spans += spans.length;
    counts.cancelled += spans.filter(isCancelled).length;
  });
  const capture = await startCapture(folder, wanted, keeping.port);
  let info: RecordingInfo = {
    version: 1,
    command: [command, ...commandArgs],
    startedMs: Date.now(),
    node: process.version,
    platform: process.platform,
    capture:
      'absent' in capture
        ? capture
        : { file: basename(capture.file), interfaces: wanted.interfaces, ports: wanted.ports },
    isAsync,
  };
  try {
    writeRecordingInfo(folder, info);
    if ('absent' in capture && wanted.isRequired)
      throw new UserError(`--capture: ${capture.absent}. Without --capture it is recorded without packets`);
    if ('absent' in capture && wanted.isWanted)
      stderr.write(`${COMMAND_NAME}: no packets are captured (${capture.absent})\n`);
    const recorder = preloaded('recorder/main.js');
    recorder.searchParams.set('folder', folder);
    if (isAsync) recorder.searchParams.set('async', '1');
    const options = isAsync ? { trackAsync: true } : {};
    const environment = instrumentedEnvironment(keeping.url, options, [recorder]);
    const { exitCode, signal } = await runProgram(command, commandArgs, environment);
    info = { ...info, endedMs: Date.now(), exit: { code: signal === null ? exitCode : null, signal } };
    const lost = 'stop' in capture ? await capture.stop() : undefined;
    await keeping.close();
    if ('file' in info.capture && lost !== undefined) info = { ...info, capture: { ...info.capture, lost } };
    writeRecordingInfo(folder, info);
    stderr.write(await recordingText(name, counts));
    return { text: '', exitCode };
  } catch (error) {
    if ('stop' in capture) await capture.stop();
    await keeping.close();
    // The program did not run: the next attempt finds the folder as this one did.
    if (info.endedMs === undefined) await removeWhatWasMade(folder, capture);
    throw error;
  }
}

interface CaptureWish {
  readonly isWanted: boolean;
  readonly isRequired: boolean;
  readonly interfaces: readonly string[];
  readonly ports: readonly number[];
}

/** @throws {UsageError} */
function captureIn(args: Arguments): CaptureWish {
  const { flags, values } = args;
  const isWanted = !flags.has('no-capture');
  const isRequired = flags.has('capture');
  if (isRequired && !isWanted) throw new UsageError('--capture and --no-capture exclude each other');
  for (const option of ['interface', 'port'])
    if (!isWanted && values.has(option))
      throw new UsageError(`--${option} is for a capture, not for --no-capture`);
  return { isWanted, isRequired, interfaces: interfacesIn(args), ports: portsIn(args) };
}

async function startCapture(
  folder: string,
  { isWanted, interfaces, ports }: CaptureWish,
  exceptPort: number,
): Promise<LiveCapture | { readonly absent: string }> {
  if (!isWanted) return { absent: 'not wanted (--no-capture)' };
  return await startLiveCapture({ file: join(folder, 'capture'), interfaces, ports, exceptPort });
}

async function removeWhatWasMade(
  folder: string,
  capture: LiveCapture | { readonly absent: string },
): Promise<void> {
  const files = [join(folder, RECORDING_FILE), join(folder, SPANS_FILE)];
  if ('file' in capture) files.push(capture.file);
  for (const file of files) await rm(file, { force: true });
}

/** Of a folder's name, in local time. */
function stamp(date: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-');
  return `${day}-${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join('')}`;
}

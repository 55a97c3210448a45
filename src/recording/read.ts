/** The folder of a recording, as far as it goes: of what was killed there is less, which is said. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isProcessFolder } from '../recorder/files.ts';
import { isFields } from '../spans/shape.ts';
import { SPANS_FILE } from '../spans/source.ts';
import { UserError } from '../spans/user-error.ts';
import { isRecordingInfo } from './checks.ts';
import { RECORDING_FILE, type RecordingInfo } from './format.ts';
import { type RecordedProcess, readProcess } from './process.ts';

export interface Recording {
  readonly folder: string;
  readonly info: RecordingInfo;
  /** Undefined: there is none. */
  readonly spansFile: string | undefined;
  /** Undefined: there is none. */
  readonly captureFile: string | undefined;
  /** In the order in which they were started. */
  readonly processes: readonly RecordedProcess[];
  /** What is not there that might be, and why, in sentences. */
  readonly missing: readonly string[];
}

/** @throws {UserError} when it is none, or somebody else has changed it */
export async function readRecording(folder: string): Promise<Recording> {
  const info = await readInfo(folder);
  const names = await readdir(folder);
  const read = names.filter(isProcessFolder).map((name) => readProcess(join(folder, name), info));
  const processes = (await Promise.all(read)).filter((process) => process !== undefined);
  processes.sort((a, b) => a.info.startedMs - b.info.startedMs);
  const spansFile = await unlessEmpty(join(folder, SPANS_FILE));
  const captureFile = 'file' in info.capture ? await unlessEmpty(join(folder, info.capture.file)) : undefined;
  const missing = processes.flatMap((process) => process.missing);
  if (info.endedMs === undefined)
    missing.unshift('the end: whoever recorded was killed, or still records; what came later is not there');
  if (processes.length === 0)
    missing.push('processes: the command has started none of Node.js, or none that could be recorded');
  if (spansFile === undefined) missing.push('spans: none came');
  if ('absent' in info.capture) missing.push(`the capture: ${info.capture.absent}`);
  else if (captureFile === undefined) missing.push('the capture: nothing was written');
  else if (info.capture.lost !== undefined) missing.push(`of the capture: ${info.capture.lost}`);
  return { folder, info, spansFile, captureFile, processes, missing };
}

export async function isRecording(folder: string): Promise<boolean> {
  return (await stat(join(folder, RECORDING_FILE)).catch(() => undefined))?.isFile() === true;
}

async function readInfo(folder: string): Promise<RecordingInfo> {
  const file = join(folder, RECORDING_FILE);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const isNone = ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
    const why = isNone ? 'no such file, so that folder is no recording' : (error as Error).message;
    throw new UserError(`${file}: ${why}. Name a folder that cancel-trace record has made`);
  }
  const info = parse(text);
  if (isFields(info) && typeof info.version === 'number' && info.version !== 1)
    throw new UserError(
      `${file}: of version ${info.version}, but this one reads version 1. Read it by the version that wrote it`,
    );
  if (isRecordingInfo(info)) return info;
  throw new UserError(`${file}: not what cancel-trace record writes. Record again`);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function unlessEmpty(file: string): Promise<string | undefined> {
  const size = (await stat(file).catch(() => undefined))?.size ?? 0;
  return size > 0 ? file : undefined;
}

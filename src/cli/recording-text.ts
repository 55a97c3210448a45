/** What is in the folder of a recording, in a few lines. */
import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { RecordedProcess } from '../recording/process.ts';
import { readRecording } from '../recording/read.ts';
import { COMMAND_NAME } from './command-name.ts';
import { formatMs, plain } from './text.ts';

const MAX_PROCESSES = 10;

/** @param folder as the user named it */
export async function recordingText(
  folder: string,
  counts: { readonly spans: number; readonly cancelled: number },
): Promise<string> {
  const { info, captureFile, processes, missing } = await readRecording(folder);
  const rows: (readonly [string, string])[] = [
    ['spans.jsonl', `${counts.spans} spans, ${counts.cancelled} of them cancelled`],
  ];
  if (captureFile !== undefined && 'file' in info.capture) {
    const { interfaces, ports } = info.capture;
    const of = ports.length === 0 ? 'all TCP' : `port ${ports.join(', ')}`;
    const kib = Math.ceil((await stat(captureFile)).size / 1_024);
    rows.push([basename(captureFile), `${kib} KiB of packets: ${interfaces.join(', ')}, ${of}`]);
  }
  for (const process of processes.slice(0, MAX_PROCESSES))
    rows.push([basename(process.folder), processText(process)]);
  if (processes.length > MAX_PROCESSES)
    rows.push(['…', `${processes.length - MAX_PROCESSES} more processes`]);
  for (const what of missing) rows.push(['not there', what]);
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(([name, text]) => `  ${name.padEnd(width)}  ${plain(text)}\n`);
  const next = `${COMMAND_NAME} timeline ${/^[\w./-]+$/.test(folder) ? folder : JSON.stringify(folder)}`;
  return `\n${COMMAND_NAME}: recorded in ${join(folder)}\n${lines.join('')}  next: ${next}\n`;
}

function processText({ info, slices, stalls, gc }: RecordedProcess): string {
  const own = stalls.filter(({ isRecorder }) => isRecorder !== true);
  const longest = Math.max(0, ...own.map(({ durationMs }) => durationMs));
  const told = [
    info.argv
      .slice(1)
      .map((argument) => basename(argument))
      .join(' ') || 'node',
    `a CPU profile of ${slices.length} slices`,
    `${own.length} stalls of the event loop${own.length === 0 ? '' : `, the longest ${formatMs(longest)}`}`,
    `${gc.length} garbage collections`,
  ];
  return told.join('; ');
}

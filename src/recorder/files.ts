/** What the files of a recorded process are called, within the folder of a recording. */

export const PROCESS_FILE = 'process.json';
export const CLOCK_FILE = 'clock.jsonl';
export const LOOP_FILE = 'loop.jsonl';
export const GC_FILE = 'gc.jsonl';
export const ASYNC_FILE = 'async.jsonl';

/** @param number from 1, of those of this process in the folder: process ids are used again */
export function processFolderOf(pid: number, number: number): string {
  return number === 1 ? `process-${pid}` : `process-${pid}-${number}`;
}

export function isProcessFolder(name: string): boolean {
  return /^process-\d+(-\d+)?$/.test(name);
}

/** @param number from 1 */
export function sliceFileOf(number: number): string {
  return `cpu-${String(number).padStart(4, '0')}.cpuprofile`;
}

export function isSliceFile(name: string): boolean {
  return /^cpu-\d+\.cpuprofile$/.test(name);
}

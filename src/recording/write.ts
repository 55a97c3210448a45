/** The files of a recording that whoever records writes. */
import { renameSync, writeFileSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../spans/user-error.ts';
import { RECORDING_FILE, type RecordingInfo } from './format.ts';

/** @throws {UserError} when there is something in it, or it cannot be made */
export async function makeRecordingFolder(folder: string): Promise<void> {
  let names: readonly string[];
  try {
    await mkdir(folder, { recursive: true });
    names = await readdir(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = ['EEXIST', 'ENOTDIR'].includes(code ?? '') ? 'no folder' : `cannot be made (${code})`;
    throw new UserError(`${folder}: ${why}. Name another one by --out`);
  }
  if (names.length > 0)
    throw new UserError(`${folder}: has ${names[0]} in it. Name a folder that is empty, or not there yet`);
}

/** Whole, or as it was before. */
export function writeRecordingInfo(folder: string, info: RecordingInfo): void {
  const file = join(folder, RECORDING_FILE);
  writeFileSync(`${file}.part`, `${JSON.stringify(info, undefined, 2)}\n`);
  renameSync(`${file}.part`, file);
}

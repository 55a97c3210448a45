/** Files that have no name: whatever ends the process, they are gone with it. */
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from './user-error.ts';

/** @returns of each file as many handles as are wanted, each with a position of its own; the first one writes, all read */
export async function openNameless(count: number, handles = 1): Promise<FileHandle[][]> {
  const folder = await mkdtemp(join(tmpdir(), 'cancel-trace-'));
  const files: FileHandle[][] = [];
  try {
    for (let index = 0; index < count; index++) {
      const name = join(folder, String(index));
      const file: FileHandle[] = [];
      files.push(file);
      file.push(await open(name, 'wx+', 0o600));
      while (file.length < handles) file.push(await open(name, 'r'));
    }
    return files;
  } catch (error) {
    for (const handle of files.flat()) await handle.close();
    throw error;
  } finally {
    // Where a file that is open cannot go, it goes with the folder of temporary files.
    await rm(folder, { recursive: true, force: true }).catch(() => {});
  }
}

/**
 * @param what says what fails when `write` does, in a sentence without its end
 * @throws {UserError} with the folder, and why
 */
export async function writingTemporary<T>(what: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    throw new UserError(`${tmpdir()}: ${what} (${(error as Error).message})`);
  }
}

/** What a process writes: at once, and by functions that the program cannot replace any more. No file stays open. */
import { appendFileSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { processFolderOf } from './files.ts';

/** An ES module's imports follow what is put in the place of a built-in function. */
const [append, rename, write] = [appendFileSync, renameSync, writeFileSync];
const MAX_NUMBER = 1_000;

export class ProcessFolder {
  readonly #path: string;
  /** By file, since the last `flush()`. */
  readonly #lines = new Map<string, string[]>();

  /** @throws {Error} when it cannot be made */
  constructor(recording: string, pid: number) {
    this.#path = makeFolder(recording, pid);
  }

  /** Is written by the next `flush()`. */
  add(file: string, line: object): void {
    const lines = this.#lines.get(file);
    if (lines === undefined) this.#lines.set(file, [`${JSON.stringify(line)}\n`]);
    else lines.push(`${JSON.stringify(line)}\n`);
  }

  flush(): void {
    for (const [file, lines] of this.#lines) append(join(this.#path, file), lines.join(''));
    this.#lines.clear();
  }

  /** Whole, or as it was before. */
  put(file: string, content: object): void {
    const path = join(this.#path, file);
    write(`${path}.part`, JSON.stringify(content));
    rename(`${path}.part`, path);
  }
}

function makeFolder(recording: string, pid: number): string {
  for (let number = 1; ; number++) {
    const path = join(recording, processFolderOf(pid, number));
    try {
      mkdirSync(path);
      return path;
    } catch (error) {
      const isThere = (error as NodeJS.ErrnoException).code === 'EEXIST';
      if (!isThere || number === MAX_NUMBER) throw error;
    }
  }
}

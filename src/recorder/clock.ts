/** The clocks beside each other: at the start, every second, at the end. */
import { CLOCK_FILE } from './files.ts';
import type { RecorderPart } from './part.ts';
import type { ProcessFolder } from './process-folder.ts';
import { readClocks, readClocksExactly } from './times.ts';

export function clockPart(folder: ProcessFolder): RecorderPart {
  const readExactly = (): void => folder.add(CLOCK_FILE, readClocksExactly());
  return {
    name: 'clock',
    start: readExactly,
    tick: () => folder.add(CLOCK_FILE, readClocks()),
    end: readExactly,
  };
}

/** A diagnosis as text, which an issue may have as it is: of each thing the fact, what it means, what to do. Pure. */
import { styleText } from 'node:util';
import { plain } from '../text.ts';
import type { Status } from './check.ts';
import type { Section } from './diagnosis.ts';

const STYLES = { ok: 'green', note: 'yellow', wrong: 'red' } as const;

/** @param head what was asked, and where */
export function drawDiagnosis(head: string, sections: readonly Section[], isColoured: boolean): string {
  const checks = sections.flatMap((section) => section.checks);
  const width = Math.max(...checks.map(({ topic }) => topic.length));
  const paint = (status: Status): string => {
    const text = status.padEnd('wrong'.length);
    return isColoured ? styleText(STYLES[status], text, { validateStream: false }) : text;
  };
  let drawn = `${head}\n`;
  for (const { of, checks } of sections) {
    drawn += `\n${plain(of)}\n`;
    for (const { status, topic, fact, meaning, toDo } of checks) {
      const below = ' '.repeat('wrong'.length + width + 6);
      drawn += `  ${paint(status)}  ${topic.padEnd(width)}  ${plain(fact)}\n`;
      if (meaning !== undefined) drawn += `${below}${plain(meaning)}\n`;
      if (toDo !== undefined) drawn += `${below}→ ${plain(toDo)}\n`;
    }
  }
  const count = (status: Status): number => checks.filter((check) => check.status === status).length;
  return `${drawn}\n${count('wrong')} wrong, ${count('note')} to note, ${count('ok')} ok\n`;
}

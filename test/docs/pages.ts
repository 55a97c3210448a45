/** The documentation, and the commands in it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root: string = fileURLToPath(new URL('../..', import.meta.url));

export const pages: readonly string[] = [
  ...readdirSync(root),
  ...['docs', 'bench', 'examples'].flatMap((folder) =>
    readdirSync(join(root, folder)).map((name) => `${folder}/${name}`),
  ),
].filter((name) => name.endsWith('.md'));

export function readPage(page: string): string {
  return readFileSync(join(root, page), 'utf8');
}

const PROGRAMS =
  'amtool|bash|cat|curl|docker|go|grep|kubectl|node|npm|npx|openssl|pnpm|promtool|sudo|ss|yarn|jq|export|zcat';
/** A program, with settings before it, and something behind it. */
const COMMAND = new RegExp(`^(?:[A-Z_]+=(?:'[^']*'|"[^"]*"|\\S+) +)*(?:${PROGRAMS}) +\\S`);

/** Lines of indented and fenced blocks, and whole pieces of code in the prose: as they stand there, without comments. */
export function commandsIn(text: string): string[] {
  const joined = text.replaceAll(/\\\n\s*/g, '');
  const blocks = [...joined.matchAll(/^```(?:sh|bash|console)\n(.*?)^```/gms)].map(([, block = '']) => block);
  const fenced = blocks.flatMap((block) => block.split('\n'));
  const prose = joined.replaceAll(/^```.*?^```/gms, '');
  const indented = prose.split('\n').filter((line) => line.startsWith('    '));
  const inline = [...prose.replaceAll(/^ {4}.*$/gm, '').matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);
  return [...fenced, ...indented, ...inline]
    .map((line) =>
      line
        .trim()
        .replace(/^\$ /, '')
        .replace(/\s+# .*$/, ''),
    )
    .filter((line) => COMMAND.test(line));
}

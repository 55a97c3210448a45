/** The parts of a text that are generated stand between two lines that say so. */

/** @param begin what the first line begins with @param make from what stands there now, and the rest of the first line */
export function replaceBetween(
  text: string,
  begin: string,
  end: string,
  make: (old: string, of: string) => string,
): string {
  const [before = '', ...parts] = text.split(begin);
  return parts.reduce((done, part) => {
    const lineEnd = part.indexOf('\n') + 1;
    const at = part.indexOf(end);
    if (at === -1) throw new Error(`${begin} without ${end}`);
    const of = part.slice(0, lineEnd);
    return `${done}${begin}${of}${make(part.slice(lineEnd, at), of)}${part.slice(at)}`;
  }, before);
}

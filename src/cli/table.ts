/** Rows in columns. */

/** @param right titles of the columns of numbers. @returns lines, each with its line break */
export function drawTable(
  titles: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly string[],
): string {
  const all = [titles, ...rows];
  const widths = titles.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  return all
    .map((row) => {
      const cells = row.map((cell, column) => {
        const width = widths[column] ?? 0;
        return right.includes(titles[column] ?? '') ? cell.padStart(width) : cell.padEnd(width);
      });
      return `  ${cells.join('  ').trimEnd()}\n`;
    })
    .join('');
}

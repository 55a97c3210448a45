/** The lines that a tree is drawn with, in front of its rows. */

/** `└─ ` of the last row below another, and a rail of those above that have more to come; of a row at the top nothing. */
export function railOf(rows: readonly { readonly depth: number }[], index: number): string {
  const { depth } = rows[index] as { readonly depth: number };
  if (depth === 0) return '';
  let rail = hasNextAt(rows, index, depth) ? '├─ ' : '└─ ';
  for (let above = depth - 1; above > 0; above--) {
    rail = (hasNextAt(rows, index, above) ? '│  ' : '   ') + rail;
  }
  return rail;
}

/** Whether a row of this depth follows before the row is left that both belong to. */
function hasNextAt(rows: readonly { readonly depth: number }[], index: number, depth: number): boolean {
  for (let next = index + 1; next < rows.length; next++) {
    const { depth: other } = rows[next] as { readonly depth: number };
    if (other <= depth) return other === depth;
  }
  return false;
}

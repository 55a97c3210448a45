/**
 * So few combinations that each two values that meet in one of them meet in one of those that are chosen: whoever has the most
 * pairs that are still missing is next.
 */
export function pairwise<C extends object>(combinations: readonly C[]): C[] {
  const missing = new Set(combinations.flatMap(pairsOf));
  const chosen: C[] = [];
  while (missing.size > 0) {
    const gains = combinations.map((one) => pairsOf(one).filter((pair) => missing.has(pair)).length);
    const next = combinations[gains.indexOf(Math.max(...gains))] as C;
    chosen.push(next);
    for (const pair of pairsOf(next)) missing.delete(pair);
  }
  return chosen;
}

export function pairsOf(combination: object): string[] {
  const values = Object.entries(combination).map((entry) => entry.join('='));
  return values.flatMap((one, index) => values.slice(index + 1).map((other) => `${one} ${other}`));
}

/** A reporter of node:test that says, after everything else, which tests were left out and why. */

/** So many are named for each reason, the others are counted. */
const MAX_NAMED = 6;

// biome-ignore lint/style/noDefaultExport: node:test takes a reporter from the default export
export default async function* leftOut(source) {
  const reasons = new Map();
  for await (const { type, data } of source) {
    if (type !== 'test:pass' || data.skip === undefined || data.skip === false) continue;
    const reason = typeof data.skip === 'string' && data.skip !== '' ? data.skip : 'no reason given';
    reasons.set(reason, [...(reasons.get(reason) ?? []), data.name]);
  }
  for (const [reason, names] of reasons) {
    const named = [...new Set(names)].slice(0, MAX_NAMED).join('; ');
    const more = names.length > MAX_NAMED ? '; …' : '';
    yield `Left out, ${names.length} (${reason}): ${named}${more}\n`;
  }
}

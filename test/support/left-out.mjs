/** A reporter of node:test that says, after everything else, which tests were left out and why. */
// biome-ignore lint/style/noDefaultExport: node:test takes a reporter from the default export
export default async function* leftOut(source) {
  const reasons = new Map();
  for await (const { type, data } of source) {
    if (type !== 'test:pass' || data.skip === undefined || data.skip === false) continue;
    const reason = typeof data.skip === 'string' && data.skip !== '' ? data.skip : 'no reason given';
    reasons.set(reason, [...(reasons.get(reason) ?? []), data.name]);
  }
  for (const [reason, names] of reasons) yield `Left out (${reason}): ${names.join('; ')}\n`;
}

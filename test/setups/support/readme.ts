/** The lines that a user copies, read out of the README: what stands there is what is tested. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ownName, root } from './tarball.ts';

export const readmeFile: string = join(root, 'README.md');
const text = readFileSync(readmeFile, 'utf8');

/** The first: that of a folder without OpenTelemetry. */
export const installLine: string = commandOf(new RegExp(`^npm install ${ownName}\\b`));
/** Where the API is there already: naming it would bring its newest version, which may not fit the SDK there. */
export const installLineBesideApi: string = inline(`npm install ${ownName}`);
/** The first that is for an application of one's own. */
export const runLine: string = commandOf(new RegExp(`^[^#]*node --import ${ownName}/register app\\.js`));
/** A server that never answers, whose spans are printed. Its port is in the variable PORT here. */
export const firstCheckLine: string = commandOf(
  /^OTEL_TRACES_EXPORTER=console node .*listen\(3000\)/,
).replace('listen(3000)', "listen($PORT, '127.0.0.1')");

/** The class in somebody's own set-up: the block that imports it beside a package. */
export function classSnippet(besides: string): string {
  const blocks = [...text.matchAll(/^```(?:js|ts|javascript|typescript)\n(.*?)^```/gms)].map(([, block]) =>
    String(block),
  );
  return (
    blocks.find((block) => block.includes(`from '${ownName}'`) && block.includes(`from '${besides}'`)) ??
    assert.fail(`the README has no block with ${ownName} and ${besides}`)
  );
}

/** Commands are in indented or fenced blocks, may go on after a backslash, and may have a comment behind. */
function commandOf(pattern: RegExp): string {
  const lines = text.replaceAll(/\\\n\s*/g, '').split('\n');
  const command = lines.map((line) => line.trim()).find((line) => pattern.test(line));
  assert.ok(command, `the README has no line like ${pattern}`);
  return command.replace(/\s+# .*$/, '');
}

function inline(command: string): string {
  assert.ok(text.includes(`\`${command}\``), `the README does not say \`${command}\``);
  return command;
}

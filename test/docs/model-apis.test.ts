/** docs/model-apis.md: each command prints what stands there, with other figures; and the cure of its handler is one. */
import assert from 'node:assert/strict';
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { readPage, root } from './pages.ts';
import { Folder, transcriptsIn } from './transcripts.ts';

const page = readPage('docs/model-apis.md');
const folder = new Folder(page);
symlinkSync(join(root, 'node_modules', 'openai'), join(folder.path, 'node_modules', 'openai'), 'junction');
after(() => folder.remove());

const WORDS = 60;
let output = '';
let lastTrace = '';

describe('docs/model-apis.md', () => {
  const transcripts = transcriptsIn(page);
  it('has the disease and a cure', () => assert.equal(transcripts.length, 4));

  for (const { command, printed } of transcripts) {
    it(`${command}: ${printed[0]}`, async () => {
      await run(command);
      const lines = new Set(output.split('\n').map(withoutFigures));
      for (const line of printed)
        if (line !== '…') assert.ok(lines.has(withoutFigures(line)), `${line}\n\n${output}`);
      const isCured = command.includes('propagate');
      assert.ok(tokens().every((count) => (isCured ? count < WORDS : count === WORDS)));
      if (isCured) assert.doesNotMatch(output, /cancel_not_propagated/);
    });
  }

  it('is cured by currentSignal() as well', async () => {
    const file = join(folder.path, 'gateway.mjs');
    const cured = readFileSync(file, 'utf8')
      .replace('stream: true });', 'stream: true }, { signal: currentSignal() });')
      .replace(
        /^import OpenAI.*$/m,
        "$&\nimport { currentSignal } from 'opentelemetry-instrumentation-cancellation';",
      );
    assert.match(cured, /, \{ signal: currentSignal\(\) \}\);/);
    writeFileSync(file, cured);
    await run(transcripts[0]?.command ?? '');
    assert.equal(tokens().length, 4);
    assert.ok(tokens().every((count) => count < WORDS));
    assert.doesNotMatch(output, /cancel_not_propagated/);
  });
});

async function run(command: string): Promise<void> {
  const asHere = command.replace(/--trace \w+/, `--trace ${lastTrace}`);
  output = await folder.run(asHere, { OTEL_SERVICE_NAME: 'browser' });
  lastTrace =
    output
      .match(/^trace \w+(?= {2}[45] spans)/gm)
      ?.at(-1)
      ?.slice('trace '.length) ?? lastTrace;
}

/** That were sent to each of the readers. */
function tokens(): number[] {
  return [...output.matchAll(/^(\d+) tokens to pay$/gm)].map(([, count]) => Number(count));
}

/** Also without what depends on how busy the machine is: whether somebody has listened at once. */
function withoutFigures(line: string): string {
  return line
    .replaceAll(/\b[0-9a-f]{32}\b/g, 'ID')
    .replaceAll(/\d+(\.\d+)?( ms)?/g, '#')
    .replaceAll(/[✓✗–]/g, '')
    .replace(/\(\S*visit/, '(visit')
    .replaceAll(/ +/g, ' ')
    .replace(/[ #]+$/, '');
}

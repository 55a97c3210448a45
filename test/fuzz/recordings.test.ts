/** The folder of a recording, whatever has become of it meanwhile: it is read, or what is wrong is told with the file. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { runCommand } from '../support/command.ts';
import { seededAsync } from './seeded.ts';

/** Each reads a folder twice. */
const RUNS = 60;

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
/** It waits, works, and litters. */
const PROGRAM = `
const http = require('node:http');
const server = http.createServer(() => {}).listen(0, '127.0.0.1', () => {
  const request = http.get({ port: server.address().port, path: '/slow' }).on('error', () => server.close());
  setTimeout(() => request.destroy(), 300);
});
let kept = [];
for (const until = Date.now() + 300; Date.now() < until; ) kept = Array.from({ length: 1000 }, () => [kept.length]);
`;

let home: string;
before(() => {
  home = mkdtempSync(join(tmpdir(), 'recordings-'));
  writeFileSync(join(home, 'app.js'), PROGRAM);
  const args = [
    main,
    'record',
    '--no-capture',
    '--async',
    '--out',
    'whole',
    '--',
    process.execPath,
    'app.js',
  ];
  const env = { ...process.env, NODE_OPTIONS: undefined, NODE_TEST_CONTEXT: undefined };
  execFileSync(process.execPath, args, { cwd: home, env, stdio: 'ignore' });
});
after(() => rmSync(home, { recursive: true, force: true }));

it('of anything, timeline and report end with what is wrong', async (test) => {
  const whole = join(home, 'whole');
  const files = readdirSync(whole, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(whole, name)).isFile())
    .sort();
  assert.ok(files.length >= 5, files.join());
  const changed = join(home, 'changed');
  const output = join(home, 'timeline.json');
  await seededAsync(
    test,
    fc.asyncProperty(fc.constantFrom(...files), damage, async (name, change) => {
      rmSync(changed, { recursive: true, force: true });
      cpSync(whole, changed, { recursive: true });
      change(join(changed, name));
      for (const args of [
        ['timeline', changed, '--out', output],
        ['report', changed],
      ]) {
        const { exitCode, stderr } = await runCommand(...args);
        assert.ok([0, 1, 2].includes(exitCode), stderr);
        assert.doesNotMatch(stderr, /\bat .*:\d+:\d+|TypeError|RangeError|undefined/, `${name}: ${stderr}`);
        if (exitCode === 2) assert.ok(stderr.includes(changed), stderr);
        else if (args[0] === 'timeline') checkTimes(output);
      }
    }),
    RUNS,
  );
});

/** A time that is none makes the whole file one that Perfetto refuses. */
function checkTimes(file: string): void {
  const { traceEvents } = JSON.parse(readFileSync(file, 'utf8')) as {
    traceEvents: Record<string, unknown>[];
  };
  for (const event of traceEvents)
    for (const key of ['ts', 'dur'])
      if (key in event) assert.ok(Number.isFinite(event[key]), JSON.stringify(event));
}

type Damage = (file: string) => void;

/** Cut off, with other bytes, with a value of another kind, or with a line that does not belong there. */
const damage: fc.Arbitrary<Damage> = fc.oneof(
  fc.double({ min: 0, max: 1, noNaN: true }).map((share) => (file: string) => {
    truncateSync(file, Math.floor(statSync(file).size * share));
  }),
  fc
    .array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 4 })
    .map((bytes) => (file: string) => {
      const content = readFileSync(file);
      for (const [at, byte] of bytes) if (content.length > 0) content[at % content.length] = byte;
      writeFileSync(file, content);
    }),
  fc.tuple(fc.nat(), fc.jsonValue()).map(([at, value]) => (file: string) => {
    const text = readFileSync(file, 'utf8');
    const places = [...text.matchAll(/(?<=:)(?:"[^"\\]*"|-?[\d.]+|true|false|null|\{\}|\[\])/g)];
    const place = places[at % Math.max(1, places.length)];
    if (place === undefined) return;
    const end = place.index + place[0].length;
    writeFileSync(file, text.slice(0, place.index) + JSON.stringify(value) + text.slice(end));
  }),
  fc.jsonValue().map((value) => (file: string) => {
    const lines = readFileSync(file, 'utf8').split('\n');
    writeFileSync(file, [...lines.slice(0, 1), JSON.stringify(value), ...lines.slice(1)].join('\n'));
  }),
);

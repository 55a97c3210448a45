/**
 * The compose files without a container engine: the compose specification's schema and the rules of dclint (ports
 * bound to an interface, versions pinned), and what neither can know: that what is mounted is there.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { DCLinter } from 'dclint';
import { parse } from 'yaml';

type Service = {
  ports?: string[];
  volumes?: string[];
  mem_limit?: string;
  profiles?: string[];
  healthcheck?: object;
};
type Compose = { services: Record<string, Service>; volumes?: Record<string, unknown> };

const root = fileURLToPath(new URL('../..', import.meta.url));
const files = [
  'docker-compose.yml',
  ...readdirSync(join(root, 'deploy'), { recursive: true, encoding: 'utf8' })
    .filter((file) => /(^|[/\\])docker-compose.*\.yml$/.test(file))
    .map((file) => join('deploy', file)),
];

for (const file of files) {
  describe(file, () => {
    const path = join(root, file);
    const text = readFileSync(path, 'utf8');
    const { services, volumes = {} }: Compose = parse(text, { merge: true });
    const mounts = Object.values(services).flatMap((service) =>
      (service.volumes ?? []).map((volume) => volume.split(':')[0] ?? ''),
    );

    it('is valid', () => {
      assert.deepEqual(complaints(path), []);
    });

    it('mounts files that are there and volumes that are declared', () => {
      const [paths, names] = [
        mounts.filter((mount) => /^[./]/.test(mount)),
        mounts.filter((mount) => /^\w/.test(mount)),
      ];
      assert.deepEqual(
        paths.filter((mount) => !existsSync(join(dirname(path), mount))),
        [],
      );
      assert.deepEqual([...new Set(names)].sort(), Object.keys(volumes).sort());
    });

    it('opens ports on the loopback interface only, and limits the memory of each container', () => {
      const ports = Object.values(services).flatMap((service) => service.ports ?? []);
      assert.deepEqual(
        ports.filter((port) => !port.startsWith('127.0.0.1:')),
        [],
      );
      const unlimited = Object.keys(services).filter((name) => services[name]?.mem_limit === undefined);
      assert.deepEqual(unlimited, []);
    });
  });
}

it('a key that the compose specification does not have is found', () => {
  const folder = mkdtempSync(join(tmpdir(), 'compose-'));
  try {
    const path = join(folder, 'docker-compose.yml');
    const text = readFileSync(join(root, 'docker-compose.yml'), 'utf8');
    writeFileSync(path, text.replace('mem_limit: 2g', 'memory_limit: 2g'));
    assert.match(complaints(path).join(), /additional properties/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

function complaints(path: string): string[] {
  const linter = new DCLinter({ rules: {}, quiet: false, debug: false, exclude: [] });
  // Its declarations import files that TypeScript does not find in an ES module.
  const results: { messages: { type: string; line: number; message: string }[] }[] = linter.lintFiles(
    [path],
    false,
  );
  assert.equal(results.length, 1);
  return results
    .flatMap(({ messages }) => messages)
    .filter(({ type }) => type === 'error') // its warnings are about the order of keys
    .map(({ line, message }) => `line ${line}: ${message}`);
}

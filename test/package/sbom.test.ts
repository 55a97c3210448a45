/** The SBOM of a release: all that is in the tarball of other packages, and nothing that is not. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';

const root = new URL('../../', import.meta.url);

interface Component {
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly hashes?: readonly unknown[];
  readonly licenses?: readonly unknown[];
  readonly properties: readonly { readonly name: string }[];
}

it('has what is bundled and what is installed', () => {
  const told = execFileSync(process.execPath, ['--import', 'tsx', 'tools/sbom.ts'], {
    cwd: root,
    encoding: 'utf8',
  });
  const { metadata, components } = JSON.parse(told) as {
    metadata: { component: Component };
    components: Component[];
  };
  const read = (file: string): string => readFileSync(new URL(file, root), 'utf8');
  const { name, version, dependencies } = JSON.parse(read('package.json'));
  assert.equal(metadata.component.purl, `pkg:npm/${name}@${version}`);
  const isBundled = ({ properties }: Component): boolean =>
    properties.some(({ name }) => name.endsWith(':bundled'));
  const notices = ['register', 'cli'].map((folder) => read(`dist/${folder}/LICENSES.txt`)).join('\n');
  for (const each of components) {
    assert.ok(each.purl.startsWith('pkg:npm/') && each.hashes?.length && each.licenses?.length, each.name);
    assert.equal(
      isBundled(each),
      notices.includes(`\n${each.name} ${each.version} (`) || notices.startsWith(`${each.name} `),
    );
  }
  const names = components.map((each) => each.name);
  assert.equal(new Set(names).size, names.length, 'each once');
  for (const one of [
    ...Object.keys(dependencies),
    '@opentelemetry/sdk-trace',
    '@opentelemetry/api',
    'preact',
    'protobufjs',
  ])
    assert.ok(names.includes(one), one);
  assert.ok(!names.includes('typescript'));
});

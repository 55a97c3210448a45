/**
 * `node --import tsx tools/sbom.ts > sbom.cdx.json`, after the build: what is shipped, as CycloneDX. That is what dist/ has of other packages in its own
 * files, by the notices that the build has written, and what is installed beside it. What is known of each comes from `npm sbom`, which by itself
 * takes the former for what only development needs.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = new URL('../', import.meta.url);
const NOTICES = ['dist/register/LICENSES.txt', 'dist/cli/LICENSES.txt'];

interface Component {
  readonly 'bom-ref': string;
  readonly name: string;
  readonly version: string;
  readonly properties?: readonly { readonly name: string; readonly value: string }[];
}

interface Bom {
  readonly metadata: { readonly component: Component };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

interface Manifest {
  readonly name: string;
  readonly dependencies: Readonly<Record<string, string>>;
}

/** @throws Error when npm does not know what a notice names: install first */
export function bomOf(all: Bom, { name, dependencies }: Manifest, notices: readonly string[]): Bom {
  const bundled = new Set(notices.flatMap(namedIn));
  const { component: self } = all.metadata;
  const direct = new Set(all.dependencies.find(({ ref }) => ref === self['bom-ref'])?.dependsOn);
  // They have no dependencies.
  const isInstalled = (each: Component): boolean => each.name in dependencies && direct.has(each['bom-ref']);
  const components = all.components
    .filter((each) => bundled.has(titleOf(each)) || isInstalled(each))
    .map((each) => ({ ...each, properties: bundled.has(titleOf(each)) ? BUNDLED : [] }));
  const known = new Set(components.map(titleOf));
  for (const title of bundled) if (!known.has(title)) throw new Error(`npm sbom has no ${title}: npm ci`);
  const missing = Object.keys(dependencies).find((one) => !components.some((each) => each.name === one));
  if (missing !== undefined) throw new Error(`npm sbom has no ${missing}: npm ci`);
  const refs = new Set(components.map((each) => each['bom-ref']));
  const component = { ...self, name, properties: [] };
  const own = { ref: component['bom-ref'], dependsOn: [...refs] };
  const others = all.dependencies
    .filter(({ ref }) => refs.has(ref))
    .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((other) => refs.has(other)) }));
  return {
    ...all,
    metadata: { ...all.metadata, component },
    components,
    dependencies: [own, ...others],
  };
}

const BUNDLED = [{ name: 'cdx:npm:package:bundled', value: 'true' }] as const;

function titleOf({ name, version }: Component): string {
  return `${name}@${version}`;
}

/** The heads of licences: `semver 7.8.6 (ISC)`. */
function namedIn(notice: string): string[] {
  return [...notice.matchAll(/^(\S+) (\d\S*) \([^)]+\)$/gm)].map(([, name, version]) => `${name}@${version}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const read = (file: string): string => readFileSync(new URL(file, root), 'utf8');
  const told = execFileSync('npm', ['sbom', '--sbom-format=cyclonedx'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  const bom = bomOf(JSON.parse(told) as Bom, JSON.parse(read('package.json')) as Manifest, NOTICES.map(read));
  process.stdout.write(`${JSON.stringify(bom, undefined, 2)}\n`);
}

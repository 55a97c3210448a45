/** The package as npm packs it, unpacked beside its dependencies, in every Node that NODE_BINARIES names. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, relative, sep } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

const root = fileURLToPath(new URL('../../', import.meta.url));
const name = 'opentelemetry-instrumentation-cancellation';
const binaries = [process.execPath, ...(process.env.NODE_BINARIES ?? '').split(delimiter)].filter(
  (binary) => binary !== '',
);

interface Manifest {
  readonly version: string;
  readonly dependencies: Record<string, string>;
  readonly peerDependencies: Record<string, string>;
  readonly scripts: Record<string, string>;
  readonly exports: Record<string, string | Record<string, Record<string, string>>>;
}

let folder: string;
let unpacked: string;
let tarball: string;
let manifest: Manifest;

before(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'cancellation-package-')));
  // Without scripts: the one that builds would remove dist/ under the tests that run beside this one.
  run('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder], root);
  tarball = join(folder, String(readdirSync(folder)[0]));
  run('tar', ['-xzf', tarball], folder);
  unpacked = join(folder, 'node_modules', name);
  mkdirSync(dirname(unpacked), { recursive: true });
  renameSync(join(folder, 'package'), unpacked);
  manifest = JSON.parse(readFileSync(join(unpacked, 'package.json'), 'utf8'));
  for (const dependency of Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })) {
    const link = join(folder, 'node_modules', dependency);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(root, 'node_modules', dependency), link, 'junction');
  }
});
after(() => rmSync(folder, { recursive: true, force: true }));

function run(command: string, args: readonly string[], cwd: string): void {
  const { status, stderr, error } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  assert.equal(status, 0, `${command}: ${error ?? stderr}`);
}

/** Files below `directory`, relative to it. */
function filesIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      relative(directory, join(entry.parentPath ?? entry.path, entry.name)).replaceAll(sep, '/'),
    )
    .sort();
}

/** Bundled: only `dist/cli` is left of them. */
const isOfCommand = /^(capture|cli|comply|desk|receiver|recording|spans|timeline)\//;

describe('the tarball', () => {
  it('contains dist/, the documentation, and the stack with its configuration, nothing else', () => {
    assert.deepEqual(
      filesIn(unpacked).filter((file) => !/^(dist|deploy|docs)\//.test(file)),
      ['CHANGELOG.md', 'LICENSE', 'README.md', 'SECURITY.md', 'docker-compose.yml', 'package.json'],
    );
    assert.deepEqual(
      filesIn(join(unpacked, 'docs')),
      filesIn(join(root, 'docs')).filter((file) => !file.startsWith('pictures/')),
    );
    const kinds = new Set(filesIn(join(unpacked, 'dist')).map((file) => /(\.d)?\.\w+$/.exec(file)?.[0]));
    // The licences of what is bundled are text, all others are the page of the command.
    const page = ['.css', '.html', '.svg'];
    assert.deepEqual([...kinds].sort(), ['.cjs', ...page, '.d.cts', '.d.ts', '.js', '.txt'].sort());
    assert.deepEqual(filesIn(join(unpacked, 'dist/cli/page')), [
      'icon.svg',
      'index.html',
      'main.css',
      'main.js',
    ]);
  });

  it('has all that its stack mounts, apart from the shop, which is in the checkout', () => {
    const { services } = parse(readFileSync(join(unpacked, 'docker-compose.yml'), 'utf8'), { merge: true });
    for (const { profiles, volumes = [] } of Object.values<{ profiles?: string[]; volumes?: string[] }>(
      services,
    )) {
      if (profiles?.includes('shop')) continue;
      for (const [source = ''] of volumes.map((volume) => volume.split(':'))) {
        if (source.startsWith('.')) assert.ok(existsSync(join(unpacked, source)), source);
      }
    }
  });

  it('has a file for each source file, and none of a source that is gone', () => {
    const sources = filesIn(join(root, 'src'))
      .map((file) => file.replace(/\.ts$/, ''))
      // Inside of export-worker.js, with the packages that it names.
      .filter((file) => file !== 'register/exporter-packages')
      .filter((file) => !isOfCommand.test(file));
    for (const kind of ['.js', '.d.ts']) {
      const built = filesIn(join(unpacked, 'dist')).filter((file) => file.endsWith(kind));
      const names = built
        .map((file) => file.slice(0, -kind.length))
        .filter((file) => !file.endsWith('.d') && !isOfCommand.test(file));
      assert.deepEqual(names, sources, kind);
    }
  });

  it('has the command in a few files, with all that it needs', () => {
    const files = filesIn(join(unpacked, 'dist')).filter((file) => isOfCommand.test(file));
    const names = files.map((file) => file.replace(/-[A-Z\d]{8}\.js$/, '-….js'));
    assert.deepEqual(
      [...new Set(names)].filter((name) => !name.startsWith('cli/page/')),
      [
        'cli/LICENSES.txt',
        'cli/chunk-….js',
        'cli/inspector.cjs',
        'cli/main.js',
        'cli/otlp-grpc-….js',
        'cli/parts.js',
      ],
    );
  });

  it('has what its exports name', () => {
    for (const target of Object.values(manifest.exports)) {
      const conditions = typeof target === 'string' ? [{ default: target }] : Object.values(target);
      for (const file of conditions.flatMap((condition) => Object.values(condition)))
        assert.ok(existsSync(join(unpacked, file)), file);
    }
  });

  it('has no script that npm runs, or warns of, where it is installed', () => {
    // `prepare` counts as one in a tarball that is not from a registry: in here it is `postprepare`.
    const ofInstalls = /^(pre|post)?install$|^prepare$/;
    assert.deepEqual(
      Object.keys(manifest.scripts).filter((script) => ofInstalls.test(script)),
      [],
    );
  });

  it('is small', () => {
    assert.ok(statSync(tarball).size < 1_000_000, `${statSync(tarball).size} bytes`);
  });

  it('imports what it declares', () => {
    const declared = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });
    const used = new Set<string>();
    for (const file of filesIn(join(unpacked, 'dist'))) {
      // Types of what is bundled; nobody who uses the package comes to read them.
      if (/^register\/.*\.d\.ts$/.test(file)) continue;
      // Types of ESLint, which whoever configures it has.
      if (/^eslint(\/.*)?\.d\.c?ts$/.test(file)) continue;
      // Code without white space, in which anything may look like an import; what it really imports is tried by its tests.
      if (file.startsWith('cli/')) continue;
      const text = readFileSync(join(unpacked, 'dist', file), 'utf8');
      for (const [, specifier] of text.matchAll(
        /(?:\bfrom ?|\bimport |\b(?:import|require|load)\()['"]([^'".][^'"]*)['"]/g,
      )) {
        const imported = String(specifier);
        if (isBuiltin(imported)) continue;
        const dependency = imported
          .split('/')
          .slice(0, imported.startsWith('@') ? 2 : 1)
          .join('/');
        used.add(dependency);
        assert.ok(declared.includes(dependency), `${file} imports ${dependency}, which is not declared`);
      }
    }
    assert.deepEqual([...used].sort(), declared.sort(), 'what is declared is used');
  });

  it('names no file of the machine that built it', () => {
    for (const file of filesIn(unpacked)) {
      assert.ok(!readFileSync(join(unpacked, file), 'utf8').includes(root), file);
    }
  });
});

for (const binary of binaries) {
  const version = spawnSync(binary, ['--version'], { encoding: 'utf8' }).stdout?.trim() ?? binary;

  describe(`in Node ${version} the package`, () => {
    const program = `const seen = [typeof CancellationInstrumentation, Array.isArray(defaultIntegrations)];
      const instrumentation = new CancellationInstrumentation();
      instrumentation.disable();
      console.log(...seen, instrumentation.instrumentationVersion);`;
    const imported = `import { CancellationInstrumentation, defaultIntegrations } from '${name}';\n${program}`;
    const required = `const { CancellationInstrumentation, defaultIntegrations } = require('${name}');\n${program}`;

    function runFile(file: string, text: string, ...flags: string[]): string {
      writeFileSync(join(folder, file), text);
      const inherited = Object.entries(process.env).filter(
        ([key]) => !/^(OTEL_|NODE_OPTIONS|NODE_TEST_CONTEXT)/.test(key),
      );
      const { status, stdout, stderr } = spawnSync(binary, [...flags, file], {
        cwd: folder,
        encoding: 'utf8',
        env: { ...Object.fromEntries(inherited), OTEL_TRACES_EXPORTER: 'none' },
        timeout: 60_000,
      });
      assert.equal(stderr, '', `${file} ${flags.join(' ')}`);
      assert.equal(status, 0);
      return stdout;
    }

    it('works by import', () => {
      assert.equal(runFile('app.mjs', imported), `function true ${manifest.version}\n`);
    });

    it('works by require()', () => {
      assert.equal(runFile('app.cjs', required), `function true ${manifest.version}\n`);
    });

    it('is one and the same in both worlds', () => {
      const text = `
        import { createRequire } from 'node:module';
        import * as imported from '${name}';
        const required = createRequire(import.meta.url)('${name}');
        console.log(Object.keys(imported).every((key) => imported[key] === required[key]), Object.keys(required).length > 0);`;
      assert.equal(runFile('both.mjs', text), 'true true\n');
    });

    for (const flag of ['--import', '--require']) {
      it(`works by ${flag} ${name}/register, for both kinds of application`, () => {
        const text = 'console.log(/isActive/.test(String(AbortController.prototype.abort)));';
        assert.equal(runFile('plain.mjs', text, flag, `${name}/register`), 'true\n');
        assert.equal(runFile('plain.cjs', text, flag, `${name}/register`), 'true\n');
      });
    }

    it('is a plugin for ESLint, by import and by require()', () => {
      const text =
        'console.log(Object.keys(configs.recommended.rules).length === Object.keys(rules).length);';
      assert.equal(
        runFile('lint.mjs', `import { configs, rules } from '${name}/eslint';\n${text}`),
        'true\n',
      );
      const required = `const { configs, rules } = require('${name}/eslint');\n${text}`;
      assert.equal(runFile('lint.cjs', required), 'true\n');
    });

    it('can be set up by an import or a require() of register in the application', () => {
      const text = 'console.log(/isActive/.test(String(AbortController.prototype.abort)));';
      assert.equal(runFile('entry.mjs', `import '${name}/register';\n${text}`), 'true\n');
      assert.equal(runFile('entry.cjs', `require('${name}/register');\n${text}`), 'true\n');
    });

    it('loads no undici of Node, with which an application would have another global dispatcher than its own', () => {
      const inNode = "process.moduleLoadList.some((name) => name.endsWith('internal/deps/undici/undici'))";
      const undici = join(root, 'node_modules/undici7');
      const text = `${required}
        const isLoaded = ${inNode};
        const { Agent, getGlobalDispatcher } = require(${JSON.stringify(undici)});
        console.log(isLoaded, getGlobalDispatcher() instanceof Agent);`;
      const ofTheClass = `function true ${manifest.version}\n`;
      assert.equal(runFile('dispatcher.cjs', text), `${ofTheClass}false true\n`);
      assert.equal(
        runFile('dispatcher.cjs', text, '--import', `${name}/register`),
        `${ofTheClass}false true\n`,
      );
      // It can be told from the list.
      assert.equal(runFile('loaded.cjs', `new Response(); console.log(${inNode});`), 'true\n');
    });

    it('tells its version', () => {
      const text = `console.log(require('${name}/package.json').version);`;
      assert.equal(runFile('version.cjs', text), `${manifest.version}\n`);
    });

    it('keeps what is not exported to itself', () => {
      const text = `try { require('${name}/dist/config.js'); } catch (error) { console.log(error.code); }`;
      assert.equal(runFile('inside.cjs', text), 'ERR_PACKAGE_PATH_NOT_EXPORTED\n');
    });
  });
}

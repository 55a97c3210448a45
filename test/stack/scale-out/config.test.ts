/** What deploy/scale-out/docker-compose.yml mounts is there, and the programs that read it accept it. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { deployedFile } from '../../support/collector.ts';
import { findOrBuildCollector } from '../../support/collector-binary.ts';
import { findOrBuildJaeger } from '../../support/jaeger-binary.ts';
import { findTool } from '../../support/monitoring-tools.ts';

const run = promisify(execFile);
const compose = readFileSync(deployedFile('docker-compose.yml'), 'utf8');
const mounted = [...compose.matchAll(/^ +- (\.\.?\/\S+?):\S+:ro$/gm)].map(([, path]) => path ?? '');

describe('the files of deploy/scale-out', () => {
  it('are all mounted, and nothing else is', () => {
    for (const path of mounted) assert.ok(existsSync(deployedFile(path)), `${path} does not exist`);
    const own = readdirSync(deployedFile('.')).filter((name) => name !== 'docker-compose.yml');
    assert.deepEqual(
      own.filter((name) => !mounted.includes(`./${name}`)),
      [],
    );
  });

  it('are accepted by the Collector', async (t) => {
    const found = await findOrBuildCollector();
    if ('unavailable' in found) return t.skip(found.unavailable);
    for (const files of [['gateway.yaml', 'samplers.yaml'], ['sampler.yaml']])
      await validate(found.binary, files);
  });

  it('are accepted by Jaeger', async (t) => {
    const found = await findOrBuildJaeger();
    if ('unavailable' in found) return t.skip(found.unavailable);
    for (const files of [
      ['opensearch.yaml', 'jaeger-collector.yaml'],
      ['opensearch.yaml', 'jaeger-query.yaml'],
      ['opensearch.yaml', 'kafka-reader.yaml'],
      ['kafka-writer.yaml'],
    ])
      await validate(found.binary, files);
  });

  it('are accepted by Prometheus, with its rules', async (t) => {
    const found = findTool('promtool');
    if ('unavailable' in found) return t.skip(found.unavailable);
    // As they are mounted: the rules are looked for beside the file.
    const folder = mkdtempSync(join(tmpdir(), 'prometheus-'));
    try {
      cpSync(deployedFile('prometheus.yml'), join(folder, 'prometheus.yml'));
      cpSync(deployedFile('../prometheus/rules'), join(folder, 'rules'), { recursive: true });
      const { stdout } = await run(found.binary, ['check', 'config', join(folder, 'prometheus.yml')]);
      assert.match(stdout, /[1-9]\d* rule files found/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

/** Fails, with what the program says, when it does not accept them. */
async function validate(binary: string, files: string[]): Promise<void> {
  await run(binary, ['validate', ...files.flatMap((file) => ['--config', deployedFile(file)])], { env: {} });
}

/** What has to be true of every compose file. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { isWell, type Parts, type Project } from './project.ts';

/** Starts the services, by a command line that a user would type, and waits as long as compose does. */
export async function startsWell(
  t: TestContext,
  project: Project,
  command: string,
  services: readonly string[],
  env?: Record<string, string>,
): Promise<void> {
  const startedAt = Date.now();
  await project.compose(`${command} --wait ${services.join(' ')}`, env);
  t.diagnostic(`well after ${Math.round((Date.now() - startedAt) / 1_000)} s`);
  for (const service of services) {
    const containers = await project.inspect(service);
    assert.ok(containers.length > 0, `${service} has a container`);
    for (const container of containers) {
      assert.ok(isWell(container), `${service}: ${JSON.stringify(container.State)}`);
      assert.equal(container.RestartCount, 0, `attempts of ${service}`);
    }
  }
}

/** Of this machine: neither on the address that another machine would call, nor on those of the containers' bridges. */
export async function isOnLoopbackOnly(project: Project, { ports }: Parts): Promise<void> {
  const others = await project.engine.addresses();
  assert.ok(others.length > 1, `${others}`);
  for (const [port, service] of ports) {
    await assert.doesNotReject(project.engine.connect('127.0.0.1', port), `${service} on ${port}`);
    for (const address of others)
      await assert.rejects(
        project.engine.connect(address, port),
        /refused/,
        `${service} on ${address}:${port}`,
      );
  }
}

export async function leavesNothing(project: Project, command: string): Promise<void> {
  await project.compose(command);
  const { docker } = project.engine;
  assert.equal(await docker(['ps', '--all', '--quiet']), '');
  assert.equal(await docker(['volume', 'ls', '--quiet']), '');
  const networks = await docker(['network', 'ls', '--format', '{{.Name}}']);
  assert.deepEqual(networks.split('\n').sort(), ['bridge', 'host', 'none']); // the engine's own
}

/** The tests of a compose file on a container engine of their own; left out, with the reason, where there is none. */
import { after, before, describe, it } from 'node:test';
import { type composeFiles, findParts, type Parts, Project } from './project.ts';

export interface Started {
  readonly project: Project;
  /** Leads to what is published on this port. */
  urlOf(port: number): string;
}

export async function onEngine(
  file: (typeof composeFiles)[number],
  tests: (started: Started, parts: Parts) => void,
): Promise<void> {
  const found = await findParts(file);
  if ('unavailable' in found) {
    it(`${file} on a container engine`, { skip: found.unavailable }, () => {});
    return;
  }
  describe(`${file} on a container engine`, () => {
    let project: Project | undefined;
    const started: Started = {
      get project() {
        if (project === undefined) throw new Error('it is started before the tests');
        return project;
      },
      urlOf: (port) => started.project.engine.urlOf(port),
    };
    before(async () => {
      project = await Project.start(file, found);
    });
    after(async () => {
      await project?.engine.stop();
    });

    for (const [image, { contents }] of found.recipes) {
      it(`${image} is there`, async (t) => {
        t.diagnostic(`made of: ${contents}`);
        await started.project.engine.docker(['image', 'inspect', image]);
      });
    }
    for (const [image, reason] of found.leftOut) it(`${image} is there`, { skip: reason }, () => {});
    tests(started, found);
  });
}

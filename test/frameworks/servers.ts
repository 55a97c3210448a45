import type { ContractSubject } from '../support/contract.ts';
import type { Telemetry } from '../support/telemetry.ts';
import { type Framework, frameworkCases } from './server-cases.ts';
import { express4, express5 } from './servers/express.ts';
import { fastify } from './servers/fastify.ts';
import { hono } from './servers/hono.ts';
import { koa } from './servers/koa.ts';
import { nest } from './servers/nest.ts';

const frameworks: readonly Framework[] = [express4, express5, fastify, koa, hono, nest];

/** Every framework, one after the other in one process. */
export async function serverFrameworkCases({ setup }: Telemetry): Promise<ContractSubject> {
  const subjects: ContractSubject[] = [];
  for (const framework of frameworks) subjects.push(await frameworkCases(framework, setup));
  return {
    cases: subjects.flatMap(({ cases }) => cases),
    close: () => Promise.all(subjects.map(({ close }) => close())),
  };
}

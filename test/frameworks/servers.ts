import type { ContractSubject } from '../support/contract.ts';
import type { Telemetry } from '../support/telemetry.ts';
import { type Framework, frameworkCases } from './server-cases.ts';
import { express4, express5 } from './servers/express.ts';
import { fastify } from './servers/fastify.ts';
import { hapi } from './servers/hapi.ts';
import { hono } from './servers/hono.ts';
import { koa } from './servers/koa.ts';
import { nest } from './servers/nest.ts';
import { restify } from './servers/restify.ts';

const frameworks: readonly Framework[] = [express4, express5, fastify, koa, hono, nest, hapi, restify];

/** Every framework, one after the other in one process. */
export async function serverFrameworkCases({ setup }: Telemetry): Promise<ContractSubject> {
  const subjects: ContractSubject[] = [];
  for (const framework of frameworks) subjects.push(await frameworkCases(framework, setup));
  return {
    cases: subjects.flatMap(({ cases }) => cases),
    close: () => Promise.all(subjects.map(({ close }) => close())),
  };
}

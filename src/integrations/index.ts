import type { Integration } from '../integration.ts';
import { abortIntegration } from './abort/index.ts';
import { amqplibIntegration } from './amqplib/index.ts';
import { bullmqIntegration } from './bullmq/index.ts';
import { grpcIntegration } from './grpc/index.ts';
import { httpIntegration } from './http/index.ts';
import { http2Integration } from './http2/index.ts';
import { jobsIntegration } from './jobs/index.ts';
import { kafkajsIntegration } from './kafkajs/index.ts';
import { mysql2Integration } from './mysql2/index.ts';
import { pgIntegration } from './pg/index.ts';
import { serversIntegration } from './servers/index.ts';
import { undiciIntegration } from './undici/index.ts';

/** What is instrumented when the options do not say otherwise. */
export const defaultIntegrations: readonly Integration[] = [
  abortIntegration,
  grpcIntegration,
  httpIntegration,
  http2Integration,
  serversIntegration,
  undiciIntegration,
  pgIntegration,
  mysql2Integration,
  jobsIntegration,
  bullmqIntegration,
  kafkajsIntegration,
  amqplibIntegration,
];

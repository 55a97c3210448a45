/** What the image of each repository is made of. A version that cannot be the pinned one is told, or is an error. */
import { join } from 'node:path';
import { collectorVersion, findOrBuildCollector } from '../../support/collector-binary.ts';
import { findOrBuildIndexCleaner, findOrBuildJaeger, jaegerVersion } from '../../support/jaeger-binary.ts';
import { findOrFetchJars, moduleOf, pinnedVersion } from '../../support/java-server.ts';
import { findTool } from '../../support/monitoring-tools.ts';
import { findJava, findNode, versionOfProgram } from './programs.ts';

export type Recipe = {
  /** For the report of the test. */
  contents: string;
  /** Path in the image, through no link such as /bin: what is copied there. */
  files: Record<string, string>;
  /** Path in the image: the text of an executable file. */
  scripts?: Record<string, string>;
  /** Lines of a Dockerfile, after what is copied. */
  instructions: string[];
  isFromScratch?: boolean;
};
type Found = Recipe | { unavailable: string };

export const recipes: Record<string, (tag: string) => Promise<Found>> = {
  async 'jaegertracing/jaeger'(tag) {
    mustBe(tag, jaegerVersion, 'jaeger-module');
    const found = await findOrBuildJaeger();
    if ('unavailable' in found) return found;
    return {
      contents: `Jaeger ${jaegerVersion}, built without its web pages`,
      files: { 'cmd/jaeger/jaeger-linux': found.binary },
      instructions: ['VOLUME /tmp', 'USER 10001', 'ENTRYPOINT ["/cmd/jaeger/jaeger-linux"]'],
    };
  },

  async 'jaegertracing/jaeger-es-index-cleaner'(tag) {
    mustBe(tag, jaegerVersion, 'jaeger-module');
    const found = await findOrBuildIndexCleaner();
    if ('unavailable' in found) return found;
    return {
      contents: `the index cleaner of Jaeger ${jaegerVersion}`,
      files: { 'go/bin/es-index-cleaner-linux': found.binary },
      instructions: ['USER 10001', 'ENTRYPOINT ["/go/bin/es-index-cleaner-linux"]'],
    };
  },

  async 'otel/opentelemetry-collector-contrib'(tag) {
    mustBe(tag, collectorVersion, 'collector-module');
    const found = await findOrBuildCollector();
    if ('unavailable' in found) return found;
    return {
      contents: `OpenTelemetry Collector ${collectorVersion}, with the components that are used`,
      files: { 'otelcol-contrib': found.binary },
      instructions: ['USER 10001:10001', 'ENTRYPOINT ["/otelcol-contrib"]'],
      isFromScratch: true,
    };
  },

  async 'prom/prometheus'() {
    const found = findTool('prometheus');
    if ('unavailable' in found) return found;
    return {
      contents: await versionOfProgram(found.binary),
      files: { 'usr/bin/prometheus': found.binary },
      instructions: [
        'RUN mkdir -p /prometheus && chown nobody:nogroup /prometheus',
        'VOLUME /prometheus',
        'WORKDIR /prometheus',
        'USER nobody',
        'ENTRYPOINT ["/usr/bin/prometheus"]',
      ],
    };
  },

  async 'prom/alertmanager'() {
    const found = findTool('alertmanager');
    if ('unavailable' in found) return found;
    const templates = 'usr/share/prometheus/alertmanager'; // where Debian's looks for them
    return {
      contents: await versionOfProgram(found.binary),
      files: { 'usr/bin/alertmanager': found.binary, [templates]: `/${templates}` },
      instructions: [
        'RUN mkdir -p /alertmanager && chown nobody:nogroup /alertmanager',
        'VOLUME /alertmanager',
        'WORKDIR /alertmanager',
        'USER nobody',
        'ENTRYPOINT ["/usr/bin/alertmanager"]',
      ],
    };
  },

  async node(tag) {
    const version = tag.replace(/-.*/, ''); // 22.20.0-alpine
    const node = await findNode(version);
    return {
      contents: `Node ${await versionOfProgram(node)} on Debian`,
      files: { 'usr/local/bin/node': node },
      instructions: ['RUN useradd --uid 1000 --create-home node', 'CMD ["node"]'],
    };
  },

  async 'opensearchproject/opensearch'(tag) {
    mustBe(tag, pinnedVersion('opensearch'), 'opensearch-module');
    const [found, java] = [await findOrFetchJars('opensearch'), await findJava()];
    if ('unavailable' in found) return found;
    if ('unavailable' in java) return java;
    const home = 'usr/share/opensearch';
    return {
      contents: `OpenSearch ${tag} without plugins, on Java ${java.version}`,
      files: {
        'opt/java': java.folder,
        [`${home}/lib`]: found.jars,
        [`${home}/Start.java`]: join(moduleOf('opensearch'), 'Start.java'),
      },
      scripts: {
        // Not sh, which drops variables with a dot in their names.
        [`${home}/start`]: `#!/bin/bash
exec /opt/java/bin/java $OPENSEARCH_JAVA_OPTS -cp '/${home}/lib/*' /${home}/Start.java /${home} 9200 9300
`,
      },
      instructions: [
        `RUN useradd --uid 1000 opensearch && mkdir -p /${home}/data /${home}/config && chown -R opensearch /${home}`,
        `WORKDIR /${home}`,
        'ENV network.host=0.0.0.0',
        'USER 1000',
        `CMD ["/${home}/start"]`,
      ],
    };
  },

  async 'apache/kafka'(tag) {
    mustBe(tag, pinnedVersion('kafka'), 'kafka-module');
    const [found, java] = [await findOrFetchJars('kafka'), await findJava()];
    if ('unavailable' in found) return found;
    if ('unavailable' in java) return java;
    const run = `/opt/java/bin/java $KAFKA_HEAP_OPTS -cp '/opt/kafka/libs/*'`;
    const folders = '/etc/kafka/docker /mnt/shared/config /opt/kafka/config /var/lib/kafka/data';
    return {
      contents: `Kafka ${tag} on Java ${java.version}`,
      files: { 'opt/java': java.folder, 'opt/kafka/libs': found.jars },
      scripts: {
        // The class that the real image has for it makes settings of the variables.
        'opt/kafka/start': `#!/bin/sh
export CLUSTER_ID="\${CLUSTER_ID:-5L6g3nShT-eMCtK--X86sw}"
${run} kafka.docker.KafkaDockerWrapper setup --default-configs-dir /etc/kafka/docker \\
  --mounted-configs-dir /mnt/shared/config --final-configs-dir /opt/kafka/config ||
  echo 'not set up, as is right when the volume has been before'
exec ${run} kafka.Kafka /opt/kafka/config/server.properties
`,
        'opt/kafka/bin/kafka-broker-api-versions.sh': `#!/bin/sh
exec ${run} kafka.admin.BrokerApiVersionsCommand "$@"
`,
      },
      instructions: [
        `RUN useradd --uid 1000 appuser && mkdir -p ${folders} && cd /etc/kafka/docker && touch server.properties \\
  log4j.properties tools-log4j.properties && chown -R appuser ${folders}`,
        'VOLUME /var/lib/kafka/data',
        'USER appuser',
        'CMD ["/opt/kafka/start"]',
      ],
    };
  },
};

/** What no image can be made for, and why. */
export const inNoRegistry: Record<string, string> = {
  'grafana/grafana': 'Grafana is in no package registry',
};

/** Of what the tests build themselves: both pins change together. */
function mustBe(tag: string, version: string, module: string): void {
  if (tag === version) return;
  throw new Error(
    `a compose file pins ${tag}, but test/support/${module} makes ${version}: change both together`,
  );
}

/** Set-ups in code, with the class: those of the README, as they stand there. */
import { classSnippet } from './readme.ts';
import type { ModuleType } from './shop.ts';

/** By the package that tells them apart. */
const snippets = {
  'provider 2.x': classSnippet('@opentelemetry/sdk-trace-node'),
  'provider 3.x': classSnippet('@opentelemetry/sdk-trace'),
  NodeSDK: classSnippet('@opentelemetry/sdk-node'),
};
export type TelemetryName = keyof typeof snippets;

export function telemetryFile(name: TelemetryName, type: ModuleType): string {
  return type === 'module' ? snippets[name] : asCommonJs(snippets[name]);
}

function asCommonJs(text: string): string {
  return text.replaceAll(/^import \{(.*?)\} from ('.*?');/gms, 'const {$1} = require($2);');
}

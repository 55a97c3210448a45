/** Whether a document is SARIF 2.1.0, by its schema: that which GitHub's code scanning names. */
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const schema = require('@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json') as object;
// The schema is of a draft that the newer versions of ajv do not know: the package brings one that does.
const ofPackage = createRequire(require.resolve('@microsoft/jest-sarif/package.json'));

interface Compiler {
  addMetaSchema(schema: object): void;
  compile(schema: object): (document: unknown) => boolean;
  errorsText(errors: unknown): string;
}

const Ajv = ofPackage('ajv') as new (options: object) => Compiler;
const ajv = new Ajv({ schemaId: 'auto', allErrors: true, logger: false });
ajv.addMetaSchema(ofPackage('ajv/lib/refs/json-schema-draft-04.json') as object);
const validate = ajv.compile(schema) as ((document: unknown) => boolean) & { readonly errors: unknown };

/** @returns what is wrong with it; undefined: nothing */
export function faultsOfSarif(document: unknown): string | undefined {
  return validate(document) ? undefined : ajv.errorsText(validate.errors);
}

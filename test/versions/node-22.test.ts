import { testVersions } from './support/versions.ts';

testVersions('22');

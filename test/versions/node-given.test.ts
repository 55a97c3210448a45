import { it } from 'node:test';
import { testVersions } from './support/versions.ts';

if (process.env.GIVEN_NODE === undefined) it('a Node that --node names', { skip: 'none is named' });
else testVersions('given');

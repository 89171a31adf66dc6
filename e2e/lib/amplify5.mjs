// aws-amplify 5 as the example has it installed, so that there is one of it.
import { createRequire } from 'node:module';

const require = createRequire(new URL('../../examples/amplify-v5/package.json', import.meta.url));

export const { Auth } = require('aws-amplify');

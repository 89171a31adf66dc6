// aws-amplify 6 with web/step-up, for a test to call.
import { Amplify } from 'aws-amplify';
import * as auth from 'aws-amplify/auth';

import { installStepUp } from '../../../web/step-up/index.js';

const answered = await fetch('config.json');
const { endpoint, userPoolId, userPoolClientId } = await answered.json();
installStepUp({ endpoint });
Amplify.configure({ Auth: { Cognito: { userPoolId, userPoolClientId, userPoolEndpoint: endpoint } } });
window.auth = auth;

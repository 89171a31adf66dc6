// A page with nothing on it, whose tests call aws-amplify 6 and 5 by hand.
import { Amplify } from 'aws-amplify';
import * as auth from 'aws-amplify/auth';

import { Auth } from '../../../examples/amplify-v5/node_modules/aws-amplify';

window.configureSix = (Cognito) => Amplify.configure({ Auth: { Cognito } });
window.six = auth; // as it is, since autoSignIn is another function after each step
window.five = Auth;

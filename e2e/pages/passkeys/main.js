// A page with nothing on it, whose tests call aws-amplify 6 by hand.
import { Amplify } from 'aws-amplify';
import * as auth from 'aws-amplify/auth';

window.configure = (Cognito) => Amplify.configure({ Auth: { Cognito } });
window.six = auth; // as it is, since autoSignIn is another function after each step

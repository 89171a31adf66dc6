import { App, CfnOutput, Stack } from 'aws-cdk-lib';

import { BellhopPhoneAuth } from '../lib/bellhop-phone-auth';

export const app = new App();
const stack = new Stack(app, 'Bellhop');
const auth = new BellhopPhoneAuth(stack, 'PhoneAuth', { signUp: 'auto-sign-in', countries: ['IN', 'DE'] });

new CfnOutput(stack, 'UserPoolId', { value: auth.userPool.userPoolId });
new CfnOutput(stack, 'UserPoolClientId', { value: auth.userPoolClient!.userPoolClientId });

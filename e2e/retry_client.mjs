// One sign-up by the AWS SDK for JavaScript v3 as it comes, retries included, for
// a Go test that refuses it first and watches when it comes again.
import { CognitoIdentityProviderClient, SignUpCommand } from '@aws-sdk/client-cognito-identity-provider';

const client = new CognitoIdentityProviderClient({ endpoint: process.env.ENDPOINT, region: 'us-east-1' });
await client.send(new SignUpCommand({ ClientId: 'app', Username: '+14155550100' }));
client.destroy();

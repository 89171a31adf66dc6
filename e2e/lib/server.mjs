// `bellhop serve` with one pool, one client and a webhook for its texts.
import { randomBytes, randomInt } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import * as sdk from '@aws-sdk/client-cognito-identity-provider';

import { answerStepUp } from '../../web/step-up/index.js';
import { Workshop } from './bellhop.mjs';
import { Phones } from './phones.mjs';

/** Not the address that is listened on, so that nobody takes one for the other. */
const publicURL = 'http://bellhop.test';

export class Server {
  poolId = `us-east-1_E2e${randomInt(1e6, 1e7)}`;
  clientId = `e2eclient${randomInt(1e6, 1e7)}`;
  issuer = `${publicURL}/${this.poolId}`;
  phones = new Phones();
  credentials = { accessKeyId: `E2E${randomInt(1e6, 1e7)}`, secretAccessKey: randomBytes(30).toString('base64url') };
  endpoint;

  #workshop = new Workshop();
  #clients = [];
  #administrator;

  /** Starts a server, with a triggers file if one is named; with settings of the guard it limits what others do not. */
  static async start({ triggers, guard } = {}) {
    const server = new Server();
    await server.#start(triggers, guard);
    return server;
  }

  async close() {
    for (const client of this.#clients) client.destroy();
    await this.#workshop.close();
    await this.phones.close();
  }

  /** A new folder that lives as long as the server. */
  folder(name) {
    return this.#workshop.folder(name);
  }

  /** One call of the API, without a client library. */
  async call(operation, body) {
    const answer = await fetch(this.endpoint, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-amz-json-1.1',
        'x-amz-target': `AWSCognitoIdentityProviderService.${operation}`,
      },
      body: JSON.stringify(body),
    });
    const text = await answer.text();
    return { status: answer.status, body: text === '' ? {} : JSON.parse(text) };
  }

  /** An AWS SDK client of this server; signed requests want `credentials`. */
  sdk(options = {}) {
    const client = new sdk.CognitoIdentityProviderClient({
      endpoint: this.endpoint,
      region: 'us-east-1',
      maxAttempts: 1,
      ...options,
    });
    this.#clients.push(client);
    return client;
  }

  /** One signed call, by the AWS SDK; about the server's pool unless it names another. */
  async admin(operation, input = {}) {
    this.#administrator ??= this.sdk({ credentials: this.credentials });
    return await this.#administrator.send(new sdk[`${operation}Command`]({ UserPoolId: this.poolId, ...input }));
  }

  /** A further app client of the pool, with the members that CreateUserPoolClient describes. */
  async newClient(flows, members = {}) {
    const ExplicitAuthFlows = flows.map((flow) => `ALLOW_${flow}`);
    const made = await this.admin('CreateUserPoolClient', { ClientName: 'app', ExplicitAuthFlows, ...members });
    return made.UserPoolClient;
  }

  /** A pool of its own with texts as the second factor of who wants one, in whose place a remembered device stands. */
  async poolWithDevices(flows) {
    const SmsConfiguration = { SnsCallerArn: 'arn:aws:iam::123456789012:role/texts' };
    const { UserPool } = await this.admin('CreateUserPool', {
      PoolName: 'devices',
      UsernameAttributes: ['phone_number'],
      AutoVerifiedAttributes: ['phone_number'],
      DeviceConfiguration: { ChallengeRequiredOnNewDevice: true, DeviceOnlyRememberedOnUserPrompt: false },
      MfaConfiguration: 'OPTIONAL',
      SmsConfiguration,
    });
    const { ClientId } = await this.newClient(flows, { UserPoolId: UserPool.Id });
    return { UserPoolId: UserPool.Id, ClientId };
  }

  /** Turns texts on as the user's second factor. */
  async wantsTexts(UserPoolId, Username) {
    await this.admin('AdminSetUserMFAPreference', { UserPoolId, Username, SMSMfaSettings: { Enabled: true, PreferredMfa: true } });
  }

  /** Makes a user with a temporary password, whom nothing is sent to. */
  async invite(number, TemporaryPassword) {
    const UserAttributes = [
      { Name: 'phone_number', Value: number },
      { Name: 'phone_number_verified', Value: 'true' },
    ];
    await this.admin('AdminCreateUser', { Username: number, TemporaryPassword, UserAttributes, MessageAction: 'SUPPRESS' });
  }

  /** Signs up without Amplify, and gives the tokens of the session that follows. */
  async tokens(number) {
    const ClientId = this.clientId;
    await this.#ask('SignUp', { ClientId, Username: number });
    const ConfirmationCode = await this.phones.code(number);
    const { Session } = await this.#ask('ConfirmSignUp', { ClientId, Username: number, ConfirmationCode });
    const AuthParameters = { USERNAME: number };
    const answer = await this.#ask('InitiateAuth', { ClientId, AuthFlow: 'USER_AUTH', AuthParameters, Session });
    return answer.AuthenticationResult;
  }

  /**
   * Waits until a text that is asked for now has arrived, so that whatever was
   * asked for before it has arrived too.
   */
  async settle() {
    const number = freshNumber();
    await this.#ask('SignUp', { ClientId: this.clientId, Username: number });
    await this.phones.text(number);
  }

  async #ask(operation, request) {
    let { status, body } = await this.call(operation, request);
    const ClientMetadata = status === 400 && (await answerStepUp(body.message));
    if (ClientMetadata) ({ status, body } = await this.call(operation, { ...request, ClientMetadata }));
    if (status !== 200) throw new Error(`${operation}: ${status} ${JSON.stringify(body)}`);
    return body;
  }

  async #start(triggers, guard) {
    const data = await this.#workshop.folder('data');
    const env = {
      BELLHOP_DATA: data,
      BELLHOP_PUBLIC_URL: publicURL,
      BELLHOP_LIMITS: guard === undefined ? 'off' : 'enforce',
      BELLHOP_SMS_WEBHOOK_SECRET: this.phones.secret,
      BELLHOP_ADMIN_ACCESS_KEY_ID: this.credentials.accessKeyId,
      BELLHOP_ADMIN_SECRET_ACCESS_KEY: this.credentials.secretAccessKey,
    };
    const webhook = await this.phones.open();
    await this.#workshop.command(['pool', 'create', '--id', this.poolId, '--client-id', this.clientId], env);
    const args = ['serve', '--listen', '127.0.0.1:0', '--sms', `webhook:${webhook}`];
    if (triggers !== undefined) args.push('--triggers', triggers);
    if (guard !== undefined) {
      const file = join(data, 'guard.yaml');
      await writeFile(file, guard);
      args.push('--guard', file);
    }
    this.endpoint = await this.#workshop.serve(args, env);
  }
}

const given = new Set();

/** A number that no test of this file has had: one of a North American exchange. */
export function freshNumber() {
  const number = `+1415${randomInt(200, 1000)}${String(randomInt(10_000)).padStart(4, '0')}`;
  if (given.has(number)) return freshNumber();
  given.add(number);
  return number;
}

/** A code that is not the given one. */
export function wrongCode(code, n = 1) {
  return String((Number(code) + n) % 1_000_000).padStart(6, '0');
}

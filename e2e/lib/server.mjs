// `bellhop serve` with one pool, one client and a webhook for its texts.
import { randomInt } from 'node:crypto';

import { Workshop } from './bellhop.mjs';
import { Phones } from './phones.mjs';

/** Not the address that is listened on, so that nobody takes one for the other. */
const publicURL = 'http://bellhop.test';

export class Server {
  poolId = `us-east-1_E2e${randomInt(1e6, 1e7)}`;
  clientId = `e2eclient${randomInt(1e6, 1e7)}`;
  issuer = `${publicURL}/${this.poolId}`;
  phones = new Phones();
  endpoint;

  #workshop = new Workshop();

  static async start() {
    const server = new Server();
    await server.#start();
    return server;
  }

  async close() {
    await this.#workshop.close();
    await this.phones.close();
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
    const { status, body } = await this.call(operation, request);
    if (status !== 200) throw new Error(`${operation}: ${status} ${JSON.stringify(body)}`);
    return body;
  }

  async #start() {
    const data = await this.#workshop.folder('data');
    const env = {
      BELLHOP_DATA: data,
      BELLHOP_PUBLIC_URL: publicURL,
      BELLHOP_LIMITS: 'off',
      BELLHOP_SMS_WEBHOOK_SECRET: this.phones.secret,
    };
    const webhook = await this.phones.open();
    await this.#workshop.command(['pool', 'create', '--id', this.poolId, '--client-id', this.clientId], env);
    this.endpoint = await this.#workshop.serve(['serve', '--listen', '127.0.0.1:0', '--sms', `webhook:${webhook}`], env);
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

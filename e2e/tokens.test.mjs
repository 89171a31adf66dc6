// The tokens, read by aws-jwt-verify as a back end would read them.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { JwtVerifier } from 'aws-jwt-verify';

import { freshNumber, Server } from './lib/server.mjs';

const limit = { timeout: 60_000 };

let server;
let jwks;
let tokens;
const number = freshNumber();

before(async () => {
  server = await Server.start();
  const answer = await fetch(`${server.endpoint}/${server.poolId}/.well-known/jwks.json`);
  assert.equal(answer.status, 200);
  jwks = await answer.json();
  tokens = await server.tokens(number);
}, { timeout: 400_000 });

after(() => server?.close());

/** A verifier that has its keys by hand, since its own fetcher takes https alone. */
function verifier({ issuer = server.issuer, audience, keys = jwks }) {
  const made = JwtVerifier.create({ issuer, audience, jwksUri: `${issuer}/.well-known/jwks.json` });
  made.cacheJwks(keys);
  return made;
}

test('an ID token is the client’s and says whose number it is', limit, async () => {
  const claims = await verifier({ audience: server.clientId }).verify(tokens.IdToken);
  assert.equal(claims.token_use, 'id');
  assert.equal(claims.phone_number, number);
  assert.equal(claims.phone_number_verified, true);
  assert.equal(claims['cognito:username'], claims.sub);
});

test('an access token names its client and its user', limit, async () => {
  const claims = await verifier({ audience: null }).verify(tokens.AccessToken);
  assert.equal(claims.token_use, 'access');
  assert.equal(claims.client_id, server.clientId);
  assert.equal(claims.username, claims.sub);
  assert.equal(claims.scope, 'aws.cognito.signin.user.admin');
  assert.equal(claims.exp - claims.iat, tokens.ExpiresIn);
});

test('ID and access tokens have different keys', limit, () => {
  const [id, access] = [tokens.IdToken, tokens.AccessToken].map(keyId);
  assert.notEqual(id, access);
  for (const kid of [id, access]) assert.ok(jwks.keys.some((key) => key.kid === kid && key.alg === 'RS256' && key.use === 'sig'));
});

for (const alg of ['ES256', 'EdDSA']) {
  test(`tokens of a pool with bellhop:token-alg ${alg} are taken`, limit, async () => {
    const { UserPool } = await server.admin('CreateUserPool', { PoolName: alg, UserPoolTags: { 'bellhop:token-alg': alg } });
    const { ClientId } = await server.newClient(['ADMIN_USER_PASSWORD_AUTH'], { UserPoolId: UserPool.Id });
    const [Username, Password] = ['asha', 'a-long-Passw0rd-of-hers'];
    await server.admin('AdminCreateUser', { UserPoolId: UserPool.Id, Username, MessageAction: 'SUPPRESS' });
    await server.admin('AdminSetUserPassword', { UserPoolId: UserPool.Id, Username, Password, Permanent: true });
    const { AuthenticationResult } = await server.admin('AdminInitiateAuth', {
      UserPoolId: UserPool.Id,
      ClientId,
      AuthFlow: 'ADMIN_USER_PASSWORD_AUTH',
      AuthParameters: { USERNAME: Username, PASSWORD: Password },
    });
    const [keys, discovery] = await Promise.all(['jwks.json', 'openid-configuration'].map(async (name) => {
      const answer = await fetch(`${server.endpoint}/${UserPool.Id}/.well-known/${name}`);
      return await answer.json();
    }));
    assert.deepEqual(discovery.id_token_signing_alg_values_supported, [alg]);
    const issuer = discovery.issuer;
    const id = await verifier({ issuer, keys, audience: ClientId }).verify(AuthenticationResult.IdToken);
    const access = await verifier({ issuer, keys, audience: null }).verify(AuthenticationResult.AccessToken);
    assert.deepEqual([id.sub, id.token_use, access.token_use], [access.sub, 'id', 'access']);
    const [head, claims] = AuthenticationResult.IdToken.split('.');
    const forged = [head, claims, AuthenticationResult.AccessToken.split('.')[2]].join('.');
    await assert.rejects(verifier({ issuer, keys, audience: ClientId }).verify(forged), /Invalid signature/);
  });
}

test('a changed claim breaks the signature', limit, async () => {
  const [head, claims, signature] = tokens.AccessToken.split('.');
  const changed = { ...JSON.parse(Buffer.from(claims, 'base64url')), username: 'somebody-else' };
  const forged = [head, Buffer.from(JSON.stringify(changed)).toString('base64url'), signature].join('.');
  await assert.rejects(verifier({ audience: null }).verify(forged), /Invalid signature/);
});

test('another issuer and another audience are refused', limit, async () => {
  const elsewhere = verifier({ issuer: 'http://bellhop.test/us-east-1_Other', audience: null });
  await assert.rejects(elsewhere.verify(tokens.AccessToken), /Issuer not allowed/);
  await assert.rejects(verifier({ audience: 'another-client' }).verify(tokens.IdToken), /Audience not allowed/);
});

test('the key document has public parts alone', limit, () => {
  assert.ok(jwks.keys.length >= 2);
  for (const key of jwks.keys) assert.deepEqual(Object.keys(key).sort(), ['alg', 'e', 'kid', 'kty', 'n', 'use']);
});

function keyId(token) {
  return JSON.parse(Buffer.from(token.split('.')[0], 'base64url')).kid;
}

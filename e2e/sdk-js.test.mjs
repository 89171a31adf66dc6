// The AWS SDK for JavaScript v3 as published: what a back end calls signed, what
// an app client with a secret calls, and what needs no signature.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, afterEach, before, describe, test } from 'node:test';

import {
  AdminAddUserToGroupCommand,
  AdminCreateUserCommand,
  AdminGetUserCommand,
  AdminInitiateAuthCommand,
  AdminListGroupsForUserCommand,
  AdminRemoveUserFromGroupCommand,
  AdminRespondToAuthChallengeCommand,
  AdminUpdateUserAttributesCommand,
  AdminUserGlobalSignOutCommand,
  ChangePasswordCommand,
  ConfirmForgotPasswordCommand,
  ConfirmSignUpCommand,
  CreateGroupCommand,
  DeleteGroupCommand,
  DeleteUserAttributesCommand,
  DeleteUserCommand,
  ForgotPasswordCommand,
  GetGroupCommand,
  GetTokensFromRefreshTokenCommand,
  GetUserCommand,
  InitiateAuthCommand,
  ListUsersCommand,
  paginateListGroups,
  paginateListUsers,
  paginateListUsersInGroup,
  ResendConfirmationCodeCommand,
  RespondToAuthChallengeCommand,
  RevokeTokenCommand,
  SignUpCommand,
  UpdateUserAttributesCommand,
} from '@aws-sdk/client-cognito-identity-provider';

import { freshNumber, Server, wrongCode } from './lib/server.mjs';

const limit = { timeout: 60_000 };
const password = 'Correct-Horse-7-Battery';
const other = 'Purple-Donkey-4-Stapler';

let server;
let phones;

before(async () => {
  server = await Server.start();
  phones = server.phones;
}, { timeout: 400_000 });

after(() => server?.close());

afterEach(() => {
  assert.deepEqual(phones.faults, [], 'every delivery follows the Standard Webhooks convention');
});

async function all(pages, member) {
  const found = [];
  for await (const page of pages) found.push(...(page[member] ?? []));
  return found;
}

function claims(token) {
  return JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
}

function attributesOf({ UserAttributes }) {
  return Object.fromEntries(UserAttributes.map(({ Name, Value }) => [Name, Value]));
}

describe('signed, as a back end calls', () => {
  let client;
  let UserPoolId;
  let ClientId;

  before(async () => {
    client = server.sdk({ credentials: server.credentials });
    UserPoolId = server.poolId;
    ({ ClientId } = await server.newClient(['ADMIN_USER_PASSWORD_AUTH', 'CUSTOM_AUTH', 'REFRESH_TOKEN_AUTH']));
  }, limit);

  /** Makes a user whom nothing is sent to. */
  async function create(number, TemporaryPassword = password) {
    const request = { UserPoolId, Username: number, TemporaryPassword, MessageAction: 'SUPPRESS' };
    const { User } = await client.send(new AdminCreateUserCommand(request));
    return User;
  }

  test('a user is made, read and changed', limit, async () => {
    const number = freshNumber();
    const made = await create(number);
    assert.equal(made.UserStatus, 'FORCE_CHANGE_PASSWORD');
    assert.ok(made.UserCreateDate instanceof Date);

    const UserAttributes = [{ Name: 'name', Value: 'Asha' }, { Name: 'phone_number_verified', Value: 'true' }];
    await client.send(new AdminUpdateUserAttributesCommand({ UserPoolId, Username: number, UserAttributes }));
    const read = await client.send(new AdminGetUserCommand({ UserPoolId, Username: made.Username }));
    const { name, phone_number, phone_number_verified } = attributesOf(read);
    assert.deepEqual([name, phone_number, phone_number_verified], ['Asha', number, 'true']);
    assert.equal(phones.to(number).length, 0);
  });

  test('the paginator of ListUsers gives everybody once, and a filter finds one', limit, async () => {
    const numbers = Array.from({ length: 5 }, () => freshNumber());
    const made = [];
    for (const number of numbers) made.push((await create(number)).Username);
    const users = await all(paginateListUsers({ client, pageSize: 2 }, { UserPoolId }), 'Users');
    const names = users.map((user) => user.Username);
    assert.equal(new Set(names).size, names.length);
    for (const name of made) assert.ok(names.includes(name));

    const Filter = `phone_number = "${numbers[3]}"`;
    const { Users } = await client.send(new ListUsersCommand({ UserPoolId, Filter }));
    assert.deepEqual(Users.map((user) => user.Username), [made[3]]);
  });

  test('groups are made and listed, their members come and go, and tokens name them', limit, async () => {
    const number = freshNumber();
    await create(number);
    for (const [GroupName, Precedence] of [['riders', 2], ['drivers', 1]]) {
      const { Group } = await client.send(new CreateGroupCommand({ UserPoolId, GroupName, Precedence }));
      assert.deepEqual([Group.GroupName, Group.Precedence], [GroupName, Precedence]);
      await client.send(new AdminAddUserToGroupCommand({ UserPoolId, Username: number, GroupName }));
    }
    const groups = await all(paginateListGroups({ client, pageSize: 1 }, { UserPoolId }), 'Groups');
    assert.deepEqual(groups.map((group) => group.GroupName).sort(), ['drivers', 'riders']);
    const members = await all(paginateListUsersInGroup({ client }, { UserPoolId, GroupName: 'riders' }), 'Users');
    assert.equal(members.length, 1);
    assert.equal(members[0].Attributes.find(({ Name }) => Name === 'phone_number').Value, number);

    const tokens = await signIn(number);
    for (const token of [tokens.IdToken, tokens.AccessToken]) {
      assert.deepEqual(claims(token)['cognito:groups'], ['drivers', 'riders']);
    }
    await client.send(new AdminRemoveUserFromGroupCommand({ UserPoolId, Username: number, GroupName: 'drivers' }));
    const { Groups } = await client.send(new AdminListGroupsForUserCommand({ UserPoolId, Username: number }));
    assert.deepEqual(Groups.map((group) => group.GroupName), ['riders']);

    await client.send(new DeleteGroupCommand({ UserPoolId, GroupName: 'riders' }));
    const gone = client.send(new GetGroupCommand({ UserPoolId, GroupName: 'riders' }));
    await assert.rejects(gone, { name: 'ResourceNotFoundException' });
  });

  /** Signs a user with a temporary password in, who gets another one. */
  async function signIn(number) {
    const AuthParameters = { USERNAME: number, PASSWORD: password };
    const start = { UserPoolId, ClientId, AuthFlow: 'ADMIN_USER_PASSWORD_AUTH', AuthParameters };
    const { ChallengeName, Session, ChallengeParameters } = await client.send(new AdminInitiateAuthCommand(start));
    assert.equal(ChallengeName, 'NEW_PASSWORD_REQUIRED');
    const ChallengeResponses = { USERNAME: ChallengeParameters.USER_ID_FOR_SRP, NEW_PASSWORD: other };
    const answer = { UserPoolId, ClientId, ChallengeName, Session, ChallengeResponses };
    return (await client.send(new AdminRespondToAuthChallengeCommand(answer))).AuthenticationResult;
  }

  test('AdminInitiateAuth signs in by password, and AdminUserGlobalSignOut ends that', limit, async () => {
    const number = freshNumber();
    await create(number);
    const { AccessToken, RefreshToken } = await signIn(number);
    assert.equal(attributesOf(await client.send(new GetUserCommand({ AccessToken }))).phone_number, number);

    const refresh = { UserPoolId, ClientId, AuthFlow: 'REFRESH_TOKEN_AUTH', AuthParameters: { REFRESH_TOKEN: RefreshToken } };
    assert.ok((await client.send(new AdminInitiateAuthCommand(refresh))).AuthenticationResult.AccessToken);
    await client.send(new AdminUserGlobalSignOutCommand({ UserPoolId, Username: number }));
    await assert.rejects(client.send(new AdminInitiateAuthCommand(refresh)), { name: 'NotAuthorizedException' });
    await assert.rejects(client.send(new GetUserCommand({ AccessToken })), { name: 'NotAuthorizedException' });
  });

  test('AdminInitiateAuth signs in by a texted code', limit, async () => {
    const number = freshNumber();
    await server.tokens(number);
    const start = { UserPoolId, ClientId, AuthFlow: 'CUSTOM_AUTH', AuthParameters: { USERNAME: number } };
    const { ChallengeName, Session } = await client.send(new AdminInitiateAuthCommand(start));
    assert.equal(ChallengeName, 'CUSTOM_CHALLENGE');
    const ChallengeResponses = { USERNAME: number, ANSWER: await phones.code(number, 2) };
    const answer = { UserPoolId, ClientId, ChallengeName, Session, ChallengeResponses };
    const { AuthenticationResult } = await client.send(new AdminRespondToAuthChallengeCommand(answer));
    assert.equal(claims(AuthenticationResult.IdToken).phone_number, number);
  });

  test('without a signature or with a wrong one nothing is told', limit, async () => {
    const unsigned = await server.call('ListUsers', { UserPoolId });
    assert.deepEqual([unsigned.status, unsigned.body.__type], [400, 'MissingAuthenticationTokenException']);
    const stranger = server.sdk({ credentials: { ...server.credentials, secretAccessKey: 'another' } });
    await assert.rejects(stranger.send(new ListUsersCommand({ UserPoolId })), { name: 'InvalidSignatureException' });
  });
});

describe('an app client with a secret', () => {
  const flows = ['USER_PASSWORD_AUTH', 'CUSTOM_AUTH', 'USER_SRP_AUTH', 'REFRESH_TOKEN_AUTH'];
  let client;
  let ClientId;
  let ClientSecret;

  before(async () => {
    client = server.sdk();
    ({ ClientId, ClientSecret } = await server.newClient(flows, { GenerateSecret: true }));
  }, limit);

  function hash(username) {
    return createHmac('sha256', ClientSecret).update(username + ClientId).digest('base64');
  }

  /** What each request about a user says of the client. */
  function about(number) {
    return { ClientId, Username: number, SecretHash: hash(number) };
  }

  async function register(number) {
    await client.send(new SignUpCommand({ ...about(number), Password: password }));
    await client.send(new ConfirmSignUpCommand({ ...about(number), ConfirmationCode: await phones.code(number) }));
  }

  async function signIn(number, PASSWORD = password) {
    const AuthParameters = { USERNAME: number, PASSWORD, SECRET_HASH: hash(number) };
    const answer = await client.send(new InitiateAuthCommand({ ClientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters }));
    return answer.AuthenticationResult;
  }

  test('is refused without the hash and with a wrong one', limit, async () => {
    const number = freshNumber();
    for (const SecretHash of [undefined, hash(`${number}0`)]) {
      const refused = client.send(new SignUpCommand({ ClientId, Username: number, Password: password, SecretHash }));
      await assert.rejects(refused, { name: 'NotAuthorizedException' });
    }
    const AuthParameters = { USERNAME: number };
    const start = client.send(new InitiateAuthCommand({ ClientId, AuthFlow: 'CUSTOM_AUTH', AuthParameters }));
    await assert.rejects(start, { name: 'NotAuthorizedException' });
    await server.settle();
    assert.equal(phones.to(number).length, 0);
  });

  test('signs up, resends, confirms and signs in by password', limit, async () => {
    const number = freshNumber();
    await client.send(new SignUpCommand({ ...about(number), Password: password }));
    await phones.text(number);
    await client.send(new ResendConfirmationCodeCommand(about(number)));
    await client.send(new ConfirmSignUpCommand({ ...about(number), ConfirmationCode: await phones.code(number, 2) }));
    assert.equal(claims((await signIn(number)).IdToken).aud, ClientId);
  });

  test('signs in by a texted code, with a hash at each step', limit, async () => {
    const number = freshNumber();
    await register(number);
    const AuthParameters = { USERNAME: number, SECRET_HASH: hash(number) };
    const started = await client.send(new InitiateAuthCommand({ ClientId, AuthFlow: 'CUSTOM_AUTH', AuthParameters }));
    const { ChallengeName, Session } = started;
    const ANSWER = await phones.code(number, 2);
    const answer = (ChallengeResponses) =>
      client.send(new RespondToAuthChallengeCommand({ ClientId, ChallengeName, Session, ChallengeResponses }));
    await assert.rejects(answer({ USERNAME: number, ANSWER }), { name: 'NotAuthorizedException' });
    const { AuthenticationResult } = await answer({ USERNAME: number, ANSWER, SECRET_HASH: hash(number) });
    assert.equal(claims(AuthenticationResult.IdToken).phone_number, number);
  });

  test('refreshes in both ways and revokes', limit, async () => {
    const number = freshNumber();
    await register(number);
    const { IdToken, RefreshToken } = await signIn(number);
    const AuthParameters = { REFRESH_TOKEN: RefreshToken, SECRET_HASH: hash(claims(IdToken)['cognito:username']) };
    const refresh = new InitiateAuthCommand({ ClientId, AuthFlow: 'REFRESH_TOKEN_AUTH', AuthParameters });
    assert.ok((await client.send(refresh)).AuthenticationResult.AccessToken);
    const tokens = { ClientId, ClientSecret, RefreshToken };
    assert.ok((await client.send(new GetTokensFromRefreshTokenCommand(tokens))).AuthenticationResult.IdToken);

    await assert.rejects(client.send(new RevokeTokenCommand({ ClientId, Token: RefreshToken })), {
      name: 'UnauthorizedException',
    });
    await client.send(new RevokeTokenCommand({ ClientId, ClientSecret, Token: RefreshToken }));
    await assert.rejects(client.send(new GetTokensFromRefreshTokenCommand(tokens)), { name: 'NotAuthorizedException' });
  });

  test('resets a forgotten password', limit, async () => {
    const number = freshNumber();
    await register(number);
    const unhashed = client.send(new ForgotPasswordCommand({ ClientId, Username: number }));
    await assert.rejects(unhashed, { name: 'NotAuthorizedException' });
    await client.send(new ForgotPasswordCommand(about(number)));
    const reset = { ...about(number), ConfirmationCode: await phones.code(number, 2), Password: other };
    await client.send(new ConfirmForgotPasswordCommand(reset));
    await assert.rejects(signIn(number), { name: 'NotAuthorizedException' });
    assert.ok((await signIn(number, other)).AccessToken);
  });
});

describe('unsigned, as an app calls', () => {
  let client;
  let ClientId;

  before(async () => {
    client = server.sdk();
    ({ ClientId } = await server.newClient(['USER_PASSWORD_AUTH', 'REFRESH_TOKEN_AUTH']));
  }, limit);

  async function signIn(number, PASSWORD) {
    const AuthParameters = { USERNAME: number, PASSWORD };
    return (await client.send(new InitiateAuthCommand({ ClientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters }))).AuthenticationResult;
  }

  test('from sign-up to the deletion of the account', limit, async () => {
    const number = freshNumber();
    await client.send(new SignUpCommand({ ClientId, Username: number, Password: password }));
    const ConfirmationCode = await phones.code(number);
    const confirm = { ClientId, Username: number };
    const wrong = client.send(new ConfirmSignUpCommand({ ...confirm, ConfirmationCode: wrongCode(ConfirmationCode) }));
    await assert.rejects(wrong, { name: 'CodeMismatchException' });
    await client.send(new ConfirmSignUpCommand({ ...confirm, ConfirmationCode }));

    const { AccessToken } = await signIn(number, password);
    const UserAttributes = [{ Name: 'name', Value: 'Asha' }];
    await client.send(new UpdateUserAttributesCommand({ AccessToken, UserAttributes }));
    assert.equal(attributesOf(await client.send(new GetUserCommand({ AccessToken }))).name, 'Asha');
    await client.send(new DeleteUserAttributesCommand({ AccessToken, UserAttributeNames: ['name'] }));
    assert.ok(!('name' in attributesOf(await client.send(new GetUserCommand({ AccessToken })))));

    await client.send(new ChangePasswordCommand({ AccessToken, PreviousPassword: password, ProposedPassword: other }));
    await assert.rejects(signIn(number, password), { name: 'NotAuthorizedException' });
    await client.send(new DeleteUserCommand({ AccessToken: (await signIn(number, other)).AccessToken }));
    await assert.rejects(signIn(number, other), { name: 'UserNotFoundException' });
  });
});

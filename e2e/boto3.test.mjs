// boto3 as Debian has it: each story of its two scripts against one server.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Server } from './lib/server.mjs';

const limit = { timeout: 60_000 };
const python = process.env.PYTHON ?? '/usr/bin/python3';

let server;

before(async () => {
  server = await Server.start();
}, { timeout: 400_000 });

after(() => server?.close());

const client = {
  pools: 'pools are made, listed, changed and deleted',
  clients: 'app clients are made, listed, changed and deleted',
  users: 'users are made, paged through, found, changed, disabled and deleted',
  admin_sign_in: 'an administrator signs a user in, who gets a new password, and out',
  groups: 'groups are made, changed and listed, and their members come and go',
  secret_hash: 'an app client with a secret signs up, in, and refreshes',
  forgot_password: 'a forgotten password is reset by a texted code',
};
const backOffice = {
  directory: 'a directory with attributes of its own is filled, searched, paged through and grouped',
  second_factor: 'an authenticator app is set up and asked for, by an administrator and by an app, and leaves events',
  lifecycle: 'a pool is tagged, changed and protected, and each refusal has its class and words',
};

for (const [script, stories] of [['boto3_client.py', client], ['boto3_back_office.py', backOffice]]) {
  for (const [story, name] of Object.entries(stories)) {
    test(name, limit, async () => {
      const { status, complaint } = await tell(script, story);
      assert.equal(status, 0, complaint);
      assert.deepEqual(server.phones.faults, [], 'every delivery follows the Standard Webhooks convention');
    });
  }
}

/** Runs a story to its end, and hands it the codes that it asks for. */
async function tell(script, story) {
  const child = spawn(python, [fileURLToPath(new URL(script, import.meta.url)), story], {
    timeout: limit.timeout,
    env: {
      PATH: process.env.PATH,
      PYTHONDONTWRITEBYTECODE: '1',
      AWS_ACCESS_KEY_ID: server.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: server.credentials.secretAccessKey,
      AWS_DEFAULT_REGION: 'us-east-1',
      ENDPOINT: server.endpoint,
      POOL_ID: server.poolId,
    },
  });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (chunk) => { complaint += chunk; });
  createInterface({ input: child.stdout }).on('line', async (line) => {
    const [, count, number] = line.split(' ');
    try {
      child.stdin.write(`${await server.phones.code(number, Number(count))}\n`);
    } catch (error) {
      complaint += error.message;
      child.kill();
    }
  });
  const [status] = await once(child, 'close');
  return { status, complaint };
}

// Starts the real binary. BELLHOP_BIN names it; without, it is built once for
// each test file. Every process that starts here is ended by its own id.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const repository = fileURLToPath(new URL('../../', import.meta.url));

const buildLimit = 300_000; // milliseconds
const startLimit = 30_000;
const stopLimit = 10_000;

/** A workshop holds what one test file starts, and clears it all away. */
export class Workshop {
  #folder;
  #binary;
  #processes = [];

  /** A new folder that lives as long as the workshop. */
  async folder(name) {
    this.#folder ??= await mkdtemp(join(tmpdir(), 'bellhop-e2e-'));
    return await mkdtemp(join(this.#folder, `${name}-`));
  }

  /** Runs a command of the binary to its end and gives what it printed. */
  async command(args, env = {}) {
    const { stdout } = await run(await this.#built(), args, { env: environment(env), timeout: startLimit });
    return stdout;
  }

  /** Starts a server and gives the address that it says it listens on. */
  async serve(args, env = {}) {
    const binary = await this.#built();
    const child = spawn(binary, args, { env: environment(env), stdio: ['ignore', 'pipe', 'pipe'] });
    this.#processes.push(child);
    return await saidAddress(child, args[0]);
  }

  async close() {
    await Promise.all(this.#processes.map(stop));
    if (this.#folder) await rm(this.#folder, { recursive: true, force: true });
  }

  async #built() {
    if (process.env.BELLHOP_BIN) return process.env.BELLHOP_BIN;
    this.#binary ??= this.folder('bin').then(async (folder) => {
      const path = join(folder, 'bellhop');
      await run('go', ['build', '-o', path, './cmd/bellhop'], { cwd: repository, timeout: buildLimit });
      return path;
    });
    return await this.#binary;
  }
}

/** The surroundings of a test do not reach the binary: only what it is given. */
function environment(env) {
  return { PATH: process.env.PATH, HOME: process.env.HOME, TMPDIR: tmpdir(), ...env };
}

function saidAddress(child, name) {
  return new Promise((resolve, reject) => {
    let said = '';
    const timer = setTimeout(() => reject(new Error(`bellhop ${name} named no address in time:\n${said}`)), startLimit);
    const read = (chunk) => {
      said += chunk;
      const address = /https?:\/\/(?:127\.0\.0\.1|localhost):\d+/.exec(said)?.[0];
      if (address === undefined) return;
      clearTimeout(timer);
      resolve(address);
    };
    child.stdout.setEncoding('utf8').on('data', read);
    child.stderr.setEncoding('utf8').on('data', read);
    child.once('error', reject);
    child.once('exit', (status) => {
      clearTimeout(timer);
      reject(new Error(`bellhop ${name} ended with ${status}:\n${said}`));
    });
  });
}

async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), stopLimit);
  await ended;
  clearTimeout(timer);
}

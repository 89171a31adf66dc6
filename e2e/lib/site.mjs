// A built page on an address of its own, as a web server has it.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const repository = fileURLToPath(new URL('../../', import.meta.url));
const vite = join(repository, 'examples/amplify-v5/node_modules/vite/bin/vite.js');
const buildLimit = 60_000; // milliseconds
const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.json': 'application/json' };

export class Site {
  address;
  #folder;
  #config;
  #server = createServer((request, response) => this.#answer(request, response));

  /** Builds the page of a folder of the repository and serves it, with what its config.json is to hold. */
  static async start(page, folder, config) {
    const args = [vite, 'build', '--outDir', folder, '--emptyOutDir', '--target', 'es2022', '--logLevel', 'warn'];
    await run(process.execPath, args, { cwd: join(repository, page), timeout: buildLimit });
    const site = new Site();
    site.#folder = folder;
    site.#config = config;
    site.#server.listen(0, '127.0.0.1');
    await once(site.#server, 'listening');
    site.address = `http://127.0.0.1:${site.#server.address().port}/`;
    return site;
  }

  async close() {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #answer({ url }, response) {
    const { pathname } = new URL(url, this.address); // without any '..'
    const name = pathname === '/' ? '/index.html' : pathname;
    try {
      const body = name === '/config.json' ? JSON.stringify(this.#config) : await readFile(join(this.#folder, name));
      response.writeHead(200, { 'content-type': types[extname(name)] }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  }
}

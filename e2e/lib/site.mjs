// The built page of an example on an address of its own, as a web server has it.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const buildLimit = 60_000; // milliseconds
const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.json': 'application/json' };

export class Site {
  address;
  #folder;
  #config;
  #server = createServer((request, response) => this.#answer(request, response));

  /** Builds an example into a folder and serves it, with what its config.json is to hold. */
  static async start(name, folder, config) {
    const example = fileURLToPath(new URL(`../../examples/${name}/`, import.meta.url));
    const vite = join(example, 'node_modules/vite/bin/vite.js');
    const args = [vite, 'build', '--outDir', folder, '--emptyOutDir', '--logLevel', 'warn'];
    await run(process.execPath, args, { cwd: example, timeout: buildLimit });
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

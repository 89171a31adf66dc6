// Every phone of a test whose texts are sent by functions of examples/triggers-sms,
// in place of its phone.mjs.
import { EventEmitter, once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const patience = 15_000; // milliseconds that a text may take
const example = fileURLToPath(new URL('../../examples/triggers-sms/', import.meta.url));

export class Postbox {
  #texts = [];
  #arrivals = new EventEmitter();
  #server = createServer((request, response) => this.#receive(request, response));

  async open() {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  async close() {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  /** Writes the example's triggers file into a folder, with this address and where its functions are. */
  async triggersFile(folder) {
    const text = await readFile(join(example, 'triggers.yaml'), 'utf8');
    const path = join(folder, 'triggers.yaml');
    const address = `http://127.0.0.1:${this.#server.address().port}/`;
    await writeFile(path, text.replace('http://127.0.0.1:9500/', address).replaceAll('folder: ', `folder: ${example}`));
    return path;
  }

  /** The texts that a number has received, oldest first. */
  to(number) {
    return this.#texts.filter((text) => text.to === number);
  }

  /** The code in the text that makes it `count` to the number, waited for. */
  async code(number, count = 1) {
    const late = AbortSignal.timeout(patience);
    while (this.to(number).length < count) await once(this.#arrivals, 'text', { signal: late });
    return /\b\d{6}\b/.exec(this.to(number)[count - 1].body)[0];
  }

  async #receive(request, response) {
    this.#texts.push(await json(request));
    this.#arrivals.emit('text');
    response.end();
  }
}

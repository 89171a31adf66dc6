// Every phone of a test: the webhook that a server sends its texts to. Each
// delivery must carry a right signature by the Standard Webhooks convention
// (https://github.com/standard-webhooks/standard-webhooks).
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:http';

const patience = 15_000; // milliseconds that a text may take
const skew = 300; // seconds that a delivery's time may differ from ours

export class Phones {
  /** What BELLHOP_SMS_WEBHOOK_SECRET is to be. */
  secret = `whsec_${randomBytes(32).toString('base64')}`;
  /** Sentences about deliveries that broke the convention. */
  faults = [];

  #texts = [];
  #arrivals = new EventEmitter().setMaxListeners(0);
  #server = createServer((request, response) => this.#receive(request, response));

  async open() {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${this.#server.address().port}/`;
  }

  async close() {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  /** The texts that a number has received, oldest first. */
  to(number) {
    return this.#texts.filter((text) => text.to === number);
  }

  /** The text that makes it `count` to the number, waited for. */
  async text(number, count = 1) {
    const late = AbortSignal.timeout(patience);
    while (this.to(number).length < count) {
      await once(this.#arrivals, 'text', { signal: late }).catch(() => {
        throw new Error(`text ${count} to ${number} did not arrive; there are ${this.to(number).length}`);
      });
    }
    return this.to(number)[count - 1];
  }

  /** The code in that text, as a person would read it. */
  async code(number, count = 1) {
    const { body } = await this.text(number, count);
    const code = /\b\d{6}\b/.exec(body)?.[0];
    if (code === undefined) throw new Error('the text has no code of six digits');
    return code;
  }

  async #receive(request, response) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const fault = this.#fault(request, body);
    if (fault !== undefined) {
      this.faults.push(fault);
      response.writeHead(400).end();
      return;
    }
    const text = JSON.parse(body.toString());
    if (!this.#texts.some(({ id }) => id === text.id)) {
      this.#texts.push(text);
      this.#arrivals.emit('text');
    }
    response.writeHead(204).end();
  }

  #fault({ method, headers }, body) {
    const { 'webhook-id': id, 'webhook-timestamp': time, 'webhook-signature': signatures } = headers;
    if (method !== 'POST') return `a delivery by ${method}`;
    if (!id || !time || !signatures) return 'a delivery without the three webhook headers';
    if (Math.abs(Date.now() / 1000 - Number(time)) > skew) return 'a delivery of another time';
    const key = Buffer.from(this.secret.slice('whsec_'.length), 'base64');
    const want = createHmac('sha256', key).update(`${id}.${time}.`).update(body).digest();
    if (!signatures.split(' ').some((signature) => isSignature(signature, want))) return 'a delivery with a wrong signature';
    const text = JSON.parse(body.toString());
    if (headers['idempotency-key'] !== text.id) return 'a delivery whose Idempotency-Key is not its id';
    const missing = ['id', 'to', 'body', 'purpose', 'pool', 'client', 'expires_at'].filter((name) => !(name in text));
    return missing.length > 0 ? `a delivery without ${missing}` : undefined;
  }
}

function isSignature(text, want) {
  const [version, value = ''] = text.split(',');
  const got = Buffer.from(value, 'base64');
  return version === 'v1' && got.length === want.length && timingSafeEqual(got, want);
}

// A server that demands a proof of each request, by the contract of docs/step-up.md,
// and answers nothing else.
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';

export class Demands {
  address;
  /** The ways that the next demands have. */
  ways = [{ kind: 'proof-of-work', algorithm: 'SHA-256', bits: 12 }];
  /** Requests as they came: { headers, body, proof }. */
  requests = [];
  /** Says whether a proof is good; for other kinds than proof of work. */
  judge = () => false;

  #made = new Set();
  #server = createServer((request, response) => this.#answer(request, response));

  async open() {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.address = `http://127.0.0.1:${this.#server.address().port}/`;
  }

  async close() {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #answer(request, response) {
    const raw = await text(request);
    const body = raw.startsWith('{') ? JSON.parse(raw) : raw;
    const proof = body.ClientMetadata?.['bellhop:step-up'] && JSON.parse(body.ClientMetadata['bellhop:step-up']);
    this.requests.push({ headers: request.headers, body, proof });
    // A demand is met once, and a text may be on its way.
    if (!proof || !this.#made.has(proof.demand) || !this.#good(proof) || !this.#made.delete(proof.demand)) {
      const refused = { __type: 'ForbiddenException', message: this.#demand() };
      response.writeHead(400, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(refused));
      return;
    }
    response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1' }).end('{"UserSub":"sub-1"}');
  }

  #good(proof) {
    return proof.kind === 'proof-of-work' ? this.#worked(proof) : this.judge(proof);
  }

  #demand() {
    const demand = randomBytes(60).toString('base64url');
    this.#made.add(demand);
    return `Step-up required: ${JSON.stringify({ demand, expires: new Date(Date.now() + 120_000), seconds: 120, ways: this.ways })}`;
  }

  #worked({ demand, answer }) {
    const hash = createHash('sha256').update(`${demand}:${answer}`).digest();
    return hash.readUInt32BE(0) >>> (32 - this.ways.at(-1).bits) === 0;
  }
}

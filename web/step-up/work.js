// Proof of work: a counter with which the SHA-256 of `token:counter` begins with so
// many zero bits. crypto.subtle takes longer for each call than for the hash, so the
// hash is here. The work is done in slices, so that a page goes on living without a
// worker, which a content security policy or a bundler may not let in.

const slice = 12; // milliseconds of work before others have their turn
const digits = 10; // of a counter, with leading zeros: its length never changes

/**
 * Gives the counter, as text. Rejects with the signal's reason when that is aborted,
 * or with an Error at the time `until` (milliseconds since 1970).
 */
export async function work(token, bits, { signal, until = Infinity } = {}) {
  const attempt = hasher(`${token}:`, bits);
  for (let counter = 0; counter < 10 ** digits; ) {
    if (signal?.aborted) throw signal.reason;
    const now = Date.now();
    if (now >= until) throw new Error('the proof of work took too long');
    const found = attempt(counter, now + slice);
    if (found.done) return String(found.counter).padStart(digits, '0');
    counter = found.counter;
    await turn();
  }
  throw new Error('no proof of work was found');
}

/** Lets everybody else have a turn. A timer would be slowed down in a hidden tab. */
function turn() {
  if (typeof setImmediate === 'function') return new Promise((resolve) => setImmediate(resolve));
  if (typeof MessageChannel !== 'function') return new Promise((resolve) => setTimeout(resolve));
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

/**
 * Gives a function that tries counters from the given one until the time has come.
 * The whole blocks before the counter are hashed once.
 */
function hasher(prefix, bits) {
  const whole = prefix.length - (prefix.length % 64);
  const start = Int32Array.from(initial);
  for (let at = 0; at < whole; at += 64) compress(start, words(prefix.slice(at, at + 64)));

  const length = prefix.length + digits;
  const rest = `${prefix.slice(whole)}${'0'.repeat(digits)}\x80`;
  const blocks = Math.ceil((rest.length + 8) / 64);
  const tail = words(rest.padEnd(blocks * 64, '\0'));
  tail[tail.length - 1] = length * 8;
  const first = prefix.length - whole; // where the counter begins in the tail
  const state = new Int32Array(8);

  return (counter, until) => {
    for (let tries = 1; ; tries++, counter++) {
      write(tail, first, counter);
      state.set(start);
      for (let at = 0; at < blocks; at++) compress(state, tail.subarray(at * 16, at * 16 + 16));
      if (state[0] >>> (32 - bits) === 0) return { done: true, counter };
      if (tries % 1024 === 0 && Date.now() >= until) return { done: false, counter: counter + 1 };
    }
  };
}

/** Writes the counter's digits over those that are there. */
function write(tail, first, counter) {
  for (let at = first + digits - 1; at >= first; at--) {
    const shift = 24 - 8 * (at % 4);
    tail[at >> 2] = (tail[at >> 2] & ~(0xff << shift)) | ((48 + (counter % 10)) << shift);
    counter = Math.floor(counter / 10);
  }
}

/** The big-endian words of a text of ASCII and a length that four divides. */
function words(text) {
  const all = new Int32Array(text.length / 4);
  for (let at = 0; at < text.length; at++) all[at >> 2] |= text.charCodeAt(at) << (24 - 8 * (at % 4));
  return all;
}

// FIPS 180-4: the first 32 bits of the fractional parts of the square roots of the
// first 8 primes, and of the cube roots of the first 64.
const primes = [];
for (let n = 2; primes.length < 64; n++) if (primes.every((p) => n % p)) primes.push(n);
const fraction = (root) => ((root - Math.floor(root)) * 2 ** 32) | 0;
const initial = Int32Array.from(primes.slice(0, 8), (p) => fraction(Math.sqrt(p)));
const constants = Int32Array.from(primes, (p) => fraction(Math.cbrt(p)));

const w = new Int32Array(64);

/** One block of SHA-256 (FIPS 180-4, section 6.2.2). */
function compress(state, block) {
  for (let t = 0; t < 16; t++) w[t] = block[t];
  for (let t = 16; t < 64; t++) {
    const x = w[t - 15];
    const y = w[t - 2];
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    w[t] = (w[t - 16] + s0 + w[t - 7] + s1) | 0;
  }
  let a = state[0];
  let b = state[1];
  let c = state[2];
  let d = state[3];
  let e = state[4];
  let f = state[5];
  let g = state[6];
  let h = state[7];
  for (let t = 0; t < 64; t++) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + constants[t] + w[t]) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
  state[4] += e;
  state[5] += f;
  state[6] += g;
  state[7] += h;
}

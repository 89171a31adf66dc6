// The demo's page as a visitor uses it.
import { randomInt } from 'node:crypto';

import { Workshop } from './bellhop.mjs';

export class Demo {
  address;
  #workshop = new Workshop();

  static async start() {
    const demo = new Demo();
    demo.address = await demo.#workshop.serve(['demo', '--listen', '127.0.0.1:0']);
    return demo;
  }

  close() {
    return this.#workshop.close();
  }
}

/** One page of the demo, with its two halves. */
export class Visit {
  constructor(page) {
    this.page = page;
    this.title = page.getByRole('heading', { level: 1 });
    this.number = page.getByLabel('Phone number', { exact: true });
    this.code = page.getByLabel('Code', { exact: true });
    this.name = page.getByRole('textbox', { name: /call you|your name/ });
    this.alert = page.getByRole('alert');
    this.useCode = page.getByRole('button', { name: /^Use code/, includeHidden: true });
  }

  async open(address) {
    const answer = await this.page.goto(address);
    await this.number.or(this.code).or(this.name).waitFor();
    return answer;
  }

  /** Moves the focus by the Tab key until it is there, as a keyboard's user does. */
  async tabTo(target) {
    for (let presses = 0; presses < 40; presses++) {
      if (await target.evaluate((element) => element === document.activeElement)) return;
      await this.page.keyboard.press('Tab');
    }
    throw new Error(`the Tab key does not reach ${target}`);
  }

  /** Whether the element has the focus, waited for. */
  async focused(target) {
    const element = await target.elementHandle();
    await this.page.waitForFunction((wanted) => wanted === document.activeElement, element);
  }

  /** The texts to a number, as the phone shows them. */
  texts(number) {
    return this.page.locator(`section[aria-label="Texts to ${spaced(number)}"] li`);
  }

  /** The code in the text that makes it `count` to the number, waited for. */
  async codeOf(number, count = 1) {
    const text = this.texts(number).nth(count - 1);
    await text.waitFor({ state: 'attached' });
    const code = /\b\d{6}\b/.exec(await text.textContent())?.[0];
    if (code === undefined) throw new Error('the text has no code of six digits');
    return code;
  }

  async enterNumber(number) {
    await this.number.fill(number);
    await this.page.keyboard.press('Enter');
    await this.code.waitFor();
  }

  async enterCode(code) {
    await this.code.fill(code);
    await this.page.keyboard.press('Enter');
  }

  /** Signs a new number up, by its one text. */
  async checkIn(number) {
    await this.enterNumber(number);
    await this.enterCode(await this.codeOf(number));
    await this.name.waitFor();
  }
}

const given = new Set();

/** A number that no visit of this file has used, as the page writes it. */
export function freshNumber() {
  const number = `+1 415 ${randomInt(200, 1000)} ${String(randomInt(10_000)).padStart(4, '0')}`;
  if (given.has(number)) return freshNumber();
  given.add(number);
  return number;
}

function spaced(number) {
  return number.replace(/^(\+1) ?(\d{3}) ?(\d{3}) ?(\d{4})$/, '$1 $2 $3 $4');
}

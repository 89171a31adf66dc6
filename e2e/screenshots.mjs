// Pictures of the demo for the documentation: npm run screenshots [folder].
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { launch, openPage } from './lib/browser.mjs';
import { Demo, Visit } from './lib/demo.mjs';
import { wrongCode } from './lib/server.mjs';

const folder = process.argv[2]
  ? resolve(process.argv[2])
  : fileURLToPath(new URL('../docs/screenshots/', import.meta.url));

const wide = { viewport: { width: 1280, height: 860 } };
const looks = {
  light: { ...wide, colorScheme: 'light' },
  dark: { ...wide, colorScheme: 'dark' },
  narrow: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, colorScheme: 'light' },
};

await mkdir(folder, { recursive: true });
const demo = await Demo.start();
const browser = await launch();
try {
  let guest = 0;
  for (const [look, options] of Object.entries(looks)) await picture(look, options, `+1 415 555 014${guest++}`);
} finally {
  await browser.close();
  await demo.close();
}

/** Takes every picture of one look. */
async function picture(look, options, number) {
  const { page, close } = await openPage(browser, { ...options, reducedMotion: 'reduce' });
  const visitor = new Visit(page);
  const take = (step) => page.screenshot({ path: join(folder, `${look}-${step}.png`) });

  await visitor.open(demo.address);
  await take('number');
  await visitor.enterNumber(number);
  const code = await visitor.codeOf(number);
  await visitor.useCode.waitFor({ state: 'attached' });
  await take('code');
  await visitor.enterCode(wrongCode(code));
  await visitor.alert.waitFor();
  await take('error');
  if (look === 'narrow') {
    await page.getByRole('button', { name: /^Phone/ }).click();
    await take('phone');
    await page.getByRole('button', { name: 'App', exact: true }).click();
  }
  await visitor.enterCode(code);
  await visitor.name.fill('Asha Rao');
  await page.keyboard.press('Enter');
  await page.getByText('Your name is saved.').waitFor();
  await take('profile');
  await close();
}

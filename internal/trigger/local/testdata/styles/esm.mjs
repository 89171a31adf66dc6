import { readFile } from 'node:fs/promises';

const started = await readFile(new URL(import.meta.url), 'utf8');
export const handler = async (event) => ({ ...event, response: { how: `module of ${started.length > 0}` } });
export default { other: async (event) => event };

// Stands in for a provider of texts, and for every phone: prints what is posted to it.
import { createServer } from 'node:http';
import { argv } from 'node:process';
import { json } from 'node:stream/consumers';

const port = Number(argv[2] ?? 9500);

createServer(async (request, response) => {
  const { to, body } = await json(request);
  console.log(`to ${to}: ${body}`);
  response.end();
}).listen(port, '127.0.0.1', () => console.log(`texts come here, to port ${port}`));

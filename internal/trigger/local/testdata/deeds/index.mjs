// Does what the event says.
import { connect } from 'node:net';
import { spawn } from 'node:child_process';

const deeds = {
  echo: (event) => event,
  hang: () => {
    console.log('hanging');
    for (;;);
  },
  exit: ({ code }) => process.exit(code),
  die: () => process.kill(process.pid, 'SIGKILL'),
  fail: () => { throw new Error('as told'); },
  big: () => 'x'.repeat(7 << 20),
  say: ({ line }) => { console.log(line); },
  // Tells the test that it lives for as long as it does, and so does its child.
  live: ({ port, line }) => new Promise((resolve) => {
    const script = `require('net').connect(${port}, '127.0.0.1'); setInterval(() => {}, 60000)`;
    if (line === 'with a child') spawn(process.execPath, ['-e', script], { stdio: 'ignore' });
    connect(port, '127.0.0.1', resolve);
  }),
};

export const handler = async (event) => deeds[event.do](event);

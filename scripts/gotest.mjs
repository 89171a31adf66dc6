// Reads `go test -json`, prints a line for each package and the output of each
// test that failed, and writes the counts in TAP's words to the file named.
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const output = new Map(); // of tests under way, by package and test
const took = []; // [seconds, test]
let pass = 0;
let fail = 0;

for await (const line of createInterface({ input: process.stdin })) {
  let event;
  try {
    event = JSON.parse(line);
  } catch {
    console.log(line); // the go command itself
    continue;
  }
  take(event);
}
console.log('the slowest:');
for (const [seconds, test] of took.sort((a, b) => b[0] - a[0]).slice(0, 15)) {
  console.log(`${String(Math.round(seconds)).padStart(4)}s ${test}`);
}
writeFileSync(process.argv[2], `# pass ${pass}\n# fail ${fail}\n`);
process.exit(fail > 0 || pass === 0 ? 1 : 0);

function take({ Action, Package, ImportPath, Test, Output, Elapsed }) {
  const key = `${Package ?? ImportPath} ${Test ?? ''}`;
  switch (Action) {
    case 'output':
    case 'build-output':
      output.set(key, (output.get(key) ?? '') + Output);
      break;
    case 'build-fail':
      fail++;
      process.stdout.write(output.get(key) ?? '');
      break;
    case 'pass':
      if (Test) {
        pass++;
        if (!Test.includes('/')) took.push([Elapsed, `${Package} ${Test}`]);
      } else console.log(`ok    ${Package} ${Elapsed}s`);
      output.delete(key);
      break;
    case 'fail':
      if (Test) fail++;
      else if (fail === 0) fail++; // a package that died outside any test
      if (!Test) {
        console.log(`FAIL  ${Package} ${Elapsed}s`);
        for (const [of, text] of output) {
          if (of.startsWith(`${Package} Test`)) process.stdout.write(text); // it was under way
        }
      }
      process.stdout.write(output.get(key) ?? '');
      output.delete(key);
      break;
    case 'skip':
      if (Test) {
        fail++; // nothing is skipped here
        console.log(`SKIPPED ${Package} ${Test}`);
      }
      output.delete(key);
      break;
  }
}

setImmediate(() => { throw new Error('while loading'); });
await new Promise(() => { setTimeout(() => {}, 60_000); });

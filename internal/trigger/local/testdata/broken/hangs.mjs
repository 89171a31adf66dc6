await new Promise(() => { setTimeout(() => {}, 60_000); });

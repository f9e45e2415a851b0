#!/usr/bin/env node
const { run } = await import('../dist/src/cli.js');
await run(process.argv);

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { openWorld } from '../support/world.ts';

const LIMIT_MB = 120;

test(`a server that idles uses less than ${LIMIT_MB} MB`, {
  skip: process.platform !== 'linux',
}, async (t) => {
  const world = await openWorld(t, 'sqlite', { fresh: true });
  const server = await world.start();
  await fetch(`${server.issuer}/healthz`);
  const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid()}/status`, 'utf8')) ?? [];
  assert.ok(Number(kilobytes) / 1024 < LIMIT_MB, `${kilobytes} kB`);
});

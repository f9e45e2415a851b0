import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Middleware } from 'koa';

const FILES = { 'latchkey.css': 'text/css; charset=utf-8', 'logo.svg': 'image/svg+xml' } as const;

export interface Assets {
  /** The address of a file under its content's hash. @throws Error when there is no such file */
  url(name: string): string;
  middleware: Middleware;
}

/**
 * Style sheet and logo, served from memory under names that change with their content, so that they keep for ever.
 * @throws Error when a file is missing
 */
export function createAssets(): Assets {
  const urls = new Map<string, string>();
  const bodies = new Map<string, { type: string; body: Buffer }>();
  for (const [name, type] of Object.entries(FILES)) {
    const body = readFileSync(new URL(`../../assets/${name}`, import.meta.url));
    const url = `/assets/${name.replace('.', `.${hash('sha256', body, 'hex').slice(0, 10)}.`)}`;
    urls.set(name, url);
    bodies.set(url, { type, body });
  }
  const logo = urls.get('logo.svg') as string;
  return {
    url(name) {
      const url = urls.get(name);
      if (!url) throw new Error(`There is no asset ${name}.`);
      return url;
    },
    middleware(ctx, next) {
      // Browsers ask for this name unasked; it has no hash, so it may not keep for ever.
      const icon = ctx.path === '/favicon.ico';
      const found = bodies.get(icon ? logo : ctx.path);
      if (!found || (ctx.method !== 'GET' && ctx.method !== 'HEAD')) return next();
      ctx.set('Cache-Control', icon ? 'public, max-age=86400' : 'public, max-age=31536000, immutable');
      ctx.set('X-Content-Type-Options', 'nosniff');
      ctx.type = found.type;
      ctx.body = found.body;
    },
  };
}

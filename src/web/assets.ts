import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import type { Context, Middleware } from 'koa';
import { projectPath } from '../kit/project-root.ts';

const SCRIPT = 'text/javascript; charset=utf-8';
const own = (name: string) => projectPath(`assets/${name}`);

const FILES: Record<string, { type: string; path: string }> = {
  'latchkey.css': { type: 'text/css; charset=utf-8', path: own('latchkey.css') },
  'logo.svg': { type: 'image/svg+xml', path: own('logo.svg') },
  'passkeys.js': { type: SCRIPT, path: own('passkeys.js') },
  'copy.js': { type: SCRIPT, path: own('copy.js') },
};
const MINIFIED = ['latchkey.css', 'passkeys.js', 'copy.js'];

/** Removes comments and indentation, and the lines of a style sheet, so that a page and everything it loads stay under 30 kB. */
function minify(name: string, file: Buffer): Buffer {
  if (!MINIFIED.includes(name)) return file;
  const text = file.toString().replace(/^\s*(\/\/.*\n|\/\*.*\*\/\n)?/gm, '');
  return Buffer.from(name.endsWith('.css') ? text.replaceAll('\n', '') : text);
}

type Encoding = 'br' | 'gzip' | 'identity';

interface StoredAsset {
  type: string;
  bodies: { identity: Buffer } & Partial<Record<Encoding, Buffer>>;
}

const COMPRESS = { br: brotliCompressSync, gzip: gzipSync };

/**
 * Compresses a file at its first request, which takes some 10 ms. Only these files are compressed: their content is
 * public. Pages are not, because the size of a compressed page reveals secrets that are repeated in it (BREACH).
 */
function bodyIn(encoding: Encoding, { bodies }: StoredAsset): Buffer {
  if (encoding === 'identity') return bodies.identity;
  bodies[encoding] ??= COMPRESS[encoding](bodies.identity);
  return bodies[encoding];
}

/** Brotli where the browser can read it: browsers name gzip first, without preferring it. */
const encodingFor = (ctx: Context): Encoding =>
  (['br', 'gzip'] as const).find((encoding) => ctx.acceptsEncodings(encoding)) ?? 'identity';

export interface Assets {
  /** The address of a file under its content's hash. @throws Error when there is no such file */
  url(name: string): string;
  middleware: Middleware;
}

/**
 * Serves the style sheet, logo and scripts from memory. Their names change with their content, so that browsers may cache
 * them forever.
 * @throws Error when a file is missing
 */
export function createAssets(): Assets {
  const urls = new Map<string, string>();
  const stored = new Map<string, StoredAsset>();
  for (const [name, { type, path }] of Object.entries(FILES)) {
    const body = minify(name, readFileSync(path));
    const url = `/assets/${name.replace('.', `.${hash('sha256', body, 'hex').slice(0, 10)}.`)}`;
    urls.set(name, url);
    stored.set(url, { type, bodies: { identity: body } });
  }
  const logo = urls.get('logo.svg') as string;
  return {
    url(name) {
      const url = urls.get(name);
      if (!url) throw new Error(`There is no asset ${name}.`);
      return url;
    },
    middleware(ctx, next) {
      // Browsers request this name by themselves; it has no hash, so they must not cache it forever.
      const icon = ctx.path === '/favicon.ico';
      const found = stored.get(icon ? logo : ctx.path);
      if (!found || (ctx.method !== 'GET' && ctx.method !== 'HEAD')) return next();
      ctx.set('Cache-Control', icon ? 'public, max-age=86400' : 'public, max-age=31536000, immutable');
      ctx.set('X-Content-Type-Options', 'nosniff');
      ctx.vary('Accept-Encoding');
      const encoding = encodingFor(ctx);
      if (encoding !== 'identity') ctx.set('Content-Encoding', encoding);
      ctx.type = found.type;
      ctx.body = bodyIn(encoding, found);
    },
  };
}

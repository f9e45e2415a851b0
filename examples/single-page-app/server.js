import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

// Serves the files of the single-page application. Any web server can do this; it knows no secret.
const { ISSUER = 'http://localhost:3000', CLIENT_ID = '', PORT = '5000' } = process.env;
const file = (name) => readFileSync(new URL(name, import.meta.url));
const library = new URL('../browser/oidc-client-ts.min.js', import.meta.resolve('oidc-client-ts'));
const index = { type: 'text/html; charset=utf-8', body: file('index.html') };
const files = {
  '/': index,
  '/callback': index,
  '/app.js': { type: 'text/javascript', body: file('app.js') },
  '/oidc-client-ts.js': { type: 'text/javascript', body: readFileSync(library) },
  '/settings.json': {
    type: 'application/json',
    body: JSON.stringify({ issuer: ISSUER, clientId: CLIENT_ID }),
  },
};

createServer((request, response) => {
  const found = files[request.url.split('?')[0]];
  response.writeHead(found ? 200 : 404, { 'Content-Type': found?.type ?? 'text/plain' });
  response.end(found?.body ?? 'Page not found');
}).listen(Number(PORT), '127.0.0.1', () => {
  process.stdout.write(`The single-page application is at http://localhost:${PORT}\n`);
});

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { freePort } from './free-port.ts';
import { temporaryFolder } from './throwaway/index.ts';
import { findProgram, ownedFolder, startProgram } from './throwaway/program.ts';
import { listens } from './throwaway/servers.ts';

export type ProxyName = 'haproxy' | 'nginx';

/** For the option `skip` of a test. With CI=true the test fails instead. */
export const withoutProxy = (name: ProxyName) =>
  !findProgram(name) && process.env.CI !== 'true' && `apt-get install ${name}`;

/** Starts a proxy on a free port. @param configure returns its configuration @returns its origin */
async function startProxy(
  t: Pick<TestContext, 'after'>,
  name: ProxyName,
  configure: (port: number, folder: string) => string,
  fixedPort?: number,
): Promise<string> {
  const folder = ownedFolder(join(temporaryFolder(true), name));
  const port = fixedPort ?? (await freePort());
  const file = join(folder, 'proxy.conf');
  writeFileSync(file, configure(port, folder));
  const program = findProgram(name) ?? name;
  const command = name === 'nginx' ? [program, '-p', folder, '-c', file] : [program, '-f', file];
  const proxy = await startProgram(command, { signal: 'TERM', folder, ready: () => listens(port) });
  t.after(() => proxy.stop());
  return `http://127.0.0.1:${port}`;
}

const hostOf = (origin: string) => new URL(origin).host;

/** @param servers the origins to balance between; each one's /readyz is checked every 200 ms */
export function startHaproxy(t: Pick<TestContext, 'after'>, servers: string[]): Promise<string> {
  const lines = servers.map((origin, index) => `  server s${index} ${hostOf(origin)}`).join('\n');
  return startProxy(
    t,
    'haproxy',
    (port) => `
defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  timeout check 5s
  option forwardfor
frontend front
  bind 127.0.0.1:${port}
  default_backend latchkey
backend latchkey
  option httpchk GET /readyz
  default-server check inter 200ms fall 1 rise 1
${lines}
`,
  );
}

/**
 * @param location the directives of each location, by its path
 * @param port where it listens, if that is decided already
 */
export function startNginx(
  t: Pick<TestContext, 'after'>,
  location: Record<string, string>,
  port?: number,
): Promise<string> {
  const locations = Object.entries(location).map(([path, text]) => `    location ${path} { ${text} }`);
  return startProxy(
    t,
    'nginx',
    (listenPort, folder) => `
daemon off;
pid ${folder}/nginx.pid;
error_log stderr;
events {}
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  server {
    listen 127.0.0.1:${listenPort};
${locations.join('\n')}
  }
}
`,
    port,
  );
}

interface TlsFiles {
  ca: string;
  server: { file: string; keyFile: string };
}

/** What docs/production.md says for each proxy: certificates of unknown authorities are passed on too. */
const TLS: Record<ProxyName, (files: TlsFiles, origin: string, port: number, folder: string) => string> = {
  nginx: ({ ca, server }, origin, port, folder) => `
daemon off;
pid ${folder}/nginx.pid;
error_log stderr;
events {}
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${server.file};
    ssl_certificate_key ${server.keyFile};
    ssl_client_certificate ${ca};
    ssl_verify_client optional_no_ca;
    location / {
      proxy_pass ${origin};
      proxy_set_header X-Client-Cert $ssl_client_escaped_cert;
      proxy_set_header X-Client-Verify $ssl_client_verify;
    }
  }
}
`,
  haproxy: ({ ca, server }, origin, port, folder) => {
    const both = join(folder, 'server.pem');
    writeFileSync(both, readFileSync(server.file, 'utf8') + readFileSync(server.keyFile, 'utf8'));
    return `
defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s
frontend front
  bind 127.0.0.1:${port} ssl crt ${both} ca-file ${ca} verify optional crt-ignore-err all ca-ignore-err all
  http-request set-header X-Client-Cert %[ssl_c_der,base64]
  http-request set-header X-Client-Verify %[ssl_c_verify]
  default_backend latchkey
backend latchkey
  server a ${hostOf(origin)}
`;
  },
};

/** Starts a proxy that asks for certificates of clients and passes them on. */
export function startTlsProxy(
  t: Pick<TestContext, 'after'>,
  name: ProxyName,
  options: { files: TlsFiles; origin: string; port: number },
): Promise<string> {
  const configure = (port: number, folder: string) => TLS[name](options.files, options.origin, port, folder);
  return startProxy(t, name, configure, options.port);
}

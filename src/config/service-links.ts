const LINK = /^(tcp|udp|sctp):\/\//;

/**
 * Kubernetes sets variables in every container for each Service of its namespace. For a Service `latchkey`, one is
 * `LATCHKEY_PORT=tcp://10.96.12.7:3000`; for `latchkey-smtp`, one is `LATCHKEY_SMTP_SERVICE_HOST`.
 * @returns the names of those that look like settings of ours
 */
export function findServiceLinks(env: NodeJS.ProcessEnv): string[] {
  const services = new Set<string>();
  for (const [name, value] of Object.entries(env)) {
    const [, service] = /^(LATCHKEY(?:_\w+)?)_(?:SERVICE_HOST|PORT)$/.exec(name) ?? [];
    if (service && (name.endsWith('_SERVICE_HOST') || LINK.test(value ?? ''))) services.add(service);
  }
  const isLink = (name: string) =>
    [...services].some((service) => {
      const rest = name.startsWith(`${service}_`) ? name.slice(service.length + 1) : '';
      if (rest === 'PORT') return LINK.test(env[name] ?? '');
      return /^(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/.test(rest);
    });
  return Object.keys(env).filter(isLink);
}

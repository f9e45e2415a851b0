/** The views of connecting a device, in each of their states. */
export function deviceViews(
  all: Record<string, unknown>,
  items: object[],
  bad: string,
): [string, Record<string, unknown>][] {
  return [
    [
      'interactions/consent',
      {
        ...all,
        isDevice: true,
        added: items,
        allowedBefore: [],
        links: [],
        scopes: [],
        resources: [],
        claims: [],
        verified: true,
      },
    ],
    ['devices/enter-code', { ...all, typed: bad }],
    ['devices/enter-code', { ...all, typed: bad, alert: bad }],
    ['devices/confirm', { ...all, userCode: bad, place: bad, ip: bad, access: [bad, bad], isLasting: true }],
    ['devices/confirm', { csrf: bad, userCode: bad, clientName: bad, access: [bad] }],
    ['devices/connected', all],
    ['devices/not-connected', all],
  ];
}

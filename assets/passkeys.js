// The browser's side of passkeys. It says what happened into role=status; without it every page works by its forms.
const { src } = document.currentScript;
// This script is at /assets below the path of the server.
const endpoints = new URL('../webauthn/', src);
const status = document.querySelector('#status');
const { csrf, interaction, back, autofill, signal, upgrade, start } = status.dataset;
const buttons = document.querySelectorAll('[data-passkey]');
const credentials = window.PublicKeyCredential;
const say = (text) => {
  status.textContent = text;
};

// A page has one element with role=status: if it shows an outcome already, this one stays polite without the role.
if (!document.querySelector('[role=status]')) status.role = 'status';

async function send(path, body) {
  const answer = await fetch(new URL(path, endpoints), {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
    body: JSON.stringify({ csrf, interaction, ...body }),
  });
  const result = await answer.json();
  if (answer.ok) return result;
  throw Object.assign(new Error(result.title), { problem: result });
}

// Options and responses are JSON between server and script, and bytes between script and browser (Web Authentication
// Level 3 section 5.1). Older browsers cannot convert them.
const toBytes = (text) =>
  Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (one) => one.charCodeAt(0));
const toText = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
const withBytes = (named) => ({ ...named, id: toBytes(named.id) });

const readOptions = ({ challenge, user, allowCredentials = [], excludeCredentials = [], ...rest }) => ({
  ...rest,
  challenge: toBytes(challenge),
  user: user && withBytes(user),
  allowCredentials: allowCredentials.map(withBytes),
  excludeCredentials: excludeCredentials.map(withBytes),
});

const PARTS = ['clientDataJSON', 'attestationObject', 'authenticatorData', 'signature', 'userHandle'];

function writeResponse(credential) {
  const { id, type, authenticatorAttachment, response } = credential;
  const parts = PARTS.filter((name) => response[name]).map((name) => [name, toText(response[name])]);
  return {
    id,
    rawId: id,
    type,
    authenticatorAttachment,
    clientExtensionResults: credential.getClientExtensionResults(),
    response: { ...Object.fromEntries(parts), transports: response.getTransports?.() },
  };
}

// Browsers refuse two ceremonies at once. One that a button begins ends any other; one that the browser begins by itself
// waits until no button is pressed.
let running;
let isPressed = false;
async function ceremony(kind, body, mediation) {
  const publicKey = readOptions(await send(`${kind}/options`, body));
  if (mediation && isPressed) return;
  running?.abort();
  running = new AbortController();
  const method = kind === 'authentication' ? 'get' : 'create';
  const made = await navigator.credentials[method]({ publicKey, mediation, signal: running.signal });
  say('');
  const { location: to } = await send(`${kind}/verify`, { ...body, response: writeResponse(made) });
  location.assign(to ?? back);
}

const acts = {
  get: () => ['authentication', {}],
  mfa: () => ['authentication', { purpose: 'second_factor' }],
  approve: ({ value: key }) => ['authentication', { purpose: 'sign_key', key }],
  'create-mfa': () => ['registration', { ceremony: 'security_key' }],
  recover: ({ form }) => ['registration', { purpose: 'recovery', fields: fieldsOf(form) }],
  create: ({ form }) => ['registration', { fields: fieldsOf(form) }],
};

const fieldsOf = (form) =>
  Object.fromEntries(
    [...(form ? new FormData(form) : [])].filter(([name]) =>
      /^(username|name|email|end|invitation|code)$/.test(name),
    ),
  );

async function click({ currentTarget: button }) {
  const { username, email, code } = button.form?.elements ?? {};
  if ([username, email, code].some((field) => field?.reportValidity() === false)) return;
  say('Waiting for your passkey…');
  isPressed = true;
  try {
    await ceremony(...acts[button.dataset.passkey](button));
  } catch ({ problem, name }) {
    // Another button was pressed.
    if (name === 'AbortError') return;
    isPressed = false;
    // The page has been open for too long. The page of an ended sign-in leads back to the application; the form of a button
    // leads to the sign-in page and back here, where this begins again.
    if (problem?.code === 'interaction_ended') return location.replace(location.href);
    if (button.form?.act && problem?.code === 'sign_in_too_old') return button.form.submit();
    const known = name === 'InvalidStateError' && 'You have already added that key.';
    say(problem?.title ?? (known || 'No passkey was used. Try again, or choose another way.'));
    offer();
  }
}

// Offered in the username field for as long as the page is open: a challenge lives five minutes. Errors are silent,
// unless somebody chose a passkey and it was refused.
let timer;
async function offer() {
  clearTimeout(timer);
  if (!autofill || !(await credentials.isConditionalMediationAvailable?.())) return;
  timer = setTimeout(offer, 240_000);
  ceremony('authentication', {}, 'conditional').catch(({ problem }) => problem && say(problem.title));
}

async function after() {
  for (const [name, options] of Object.entries(JSON.parse(signal ?? '{}')))
    credentials[name]?.(options).catch(() => {});
  if (upgrade && (await credentials.getClientCapabilities?.())?.conditionalCreate)
    await ceremony('registration', { ceremony: 'upgrade' }, 'conditional');
}

for (const button of buttons) {
  button.hidden = !credentials;
  button.addEventListener('click', click);
}
if (credentials) {
  [...buttons].find(({ dataset, value }) => start === `${dataset.passkey} ${value}`)?.click();
  offer();
  after().catch(() => {});
}

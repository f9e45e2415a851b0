// The browser's side of passkeys. Says what happened into role=status; without it every page works by its forms.
const {
  startAuthentication,
  startRegistration,
  browserSupportsWebAuthn,
  browserSupportsWebAuthnAutofill,
  sendSignal,
} = SimpleWebAuthnBrowser;
const root = document.querySelector('[data-csrf]');
const status = document.querySelector('[role=status]#status');
const say = (text) => {
  status.textContent = text;
};
const { csrf, interaction, back, autofill, signal, upgrade } = root.dataset;

async function send(path, body) {
  const answer = await fetch(`/webauthn/${path}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
    body: JSON.stringify({ csrf, interaction, ...body }),
  });
  const told = await answer.json();
  if (answer.ok) return told;
  throw Object.assign(new Error(told.title), { told: true });
}

async function ceremony(kind, body, run) {
  const optionsJSON = await send(`${kind}/options`, body);
  const response = await run(optionsJSON);
  say('');
  const { location: to } = await send(`${kind}/verify`, { ...body, response });
  location.assign(to ?? back);
}

const ask = (optionsJSON) => startAuthentication({ optionsJSON });
const make = (optionsJSON) => startRegistration({ optionsJSON });

function fieldsOf({ form }) {
  const entries = form ? [...new FormData(form)] : [];
  return Object.fromEntries(entries.filter(([name]) => /^(username|name|email|end)$/.test(name)));
}

const acts = {
  get: () => ceremony('authentication', {}, ask),
  mfa: () => ceremony('authentication', { purpose: 'second_factor' }, ask),
  vouch: (button) => ceremony('authentication', { purpose: 'sign_key', key: button.value }, ask),
  'create-mfa': () => ceremony('registration', { ceremony: 'security_key' }, make),
  recover: (button) => ceremony('registration', { purpose: 'recovery', fields: fieldsOf(button) }, make),
  create(button) {
    const { username, email } = button.form?.elements ?? {};
    if (username?.reportValidity() === false || email?.reportValidity() === false) return;
    return ceremony('registration', { fields: fieldsOf(button) }, make);
  },
};

function explain(error) {
  if (error.told) return error.message;
  if (error.code === 'ERROR_AUTHENTICATOR_PREVIOUSLY_REGISTERED') return 'That key is one of yours already.';
  return 'No passkey was used. Try again, or use another way.';
}

async function click(event) {
  event.preventDefault();
  say('Waiting for your passkey…');
  try {
    await acts[this.dataset.passkey](this);
  } catch (error) {
    say(explain(error));
    offer();
  }
}

// Offered in the username field for as long as the page is open: a challenge lives five minutes. Errors are silent,
// unless somebody chose a passkey and it was refused.
let timer;
async function offer() {
  clearTimeout(timer);
  if (!autofill || !(await browserSupportsWebAuthnAutofill())) return;
  timer = setTimeout(offer, 240_000);
  const run = (optionsJSON) => startAuthentication({ optionsJSON, useBrowserAutofill: true });
  ceremony('authentication', {}, run).catch((error) => error.told && say(error.message));
}

if (browserSupportsWebAuthn()) {
  for (const button of document.querySelectorAll('[data-passkey]')) button.addEventListener('click', click);
  offer();
  if (signal) for (const one of JSON.parse(signal)) sendSignal(one).catch(() => {});
  if (upgrade) {
    const run = (optionsJSON) => startRegistration({ optionsJSON, useAutoRegister: true });
    ceremony('registration', { ceremony: 'upgrade' }, run).catch(() => {});
  }
} else {
  for (const button of document.querySelectorAll('[data-passkey]')) button.hidden = true;
}

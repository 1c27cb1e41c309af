// Plays an application that uses Clerk's official SDK against a dev instance:
//   node authenticate.mjs SDK-ENTRY < CONFIG
// CONFIG is one JSON object: what createClerkClient and authenticateRequest need,
// and the requests to authenticate. Each line of the output is the outcome of one
// step.
import { pathToFileURL } from 'node:url';

const { createClerkClient } = await import(pathToFileURL(process.argv[2]).href);
let text = '';
for await (const chunk of process.stdin) text += chunk;
const config = JSON.parse(text);
console.error = console.warn = console.log = () => {}; // the SDK's advice is not the outcome

const clerk = createClerkClient(config.client);

// A browser for one application: it keeps cookies by host and follows redirects.
class Browser {
  jars = new Map();

  // Hosts share cookies across ports, as browsers have it.
  jar(url) {
    const { hostname } = new URL(url);
    if (!this.jars.has(hostname)) this.jars.set(hostname, new Map());
    return this.jars.get(hostname);
  }

  store(url, headers) {
    for (const line of headers.getSetCookie()) {
      const [pair, ...attributes] = line.split('; ');
      const name = pair.slice(0, pair.indexOf('='));
      if (attributes.includes('Max-Age=0')) this.jar(url).delete(name);
      else this.jar(url).set(name, pair.slice(name.length + 1));
    }
  }

  header(url) {
    return [...this.jar(url)].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  // What the application makes of one request.
  async app(url, init = {}) {
    const headers = { cookie: this.header(url), 'sec-fetch-dest': 'document', ...init.headers };
    const state = await clerk.authenticateRequest(new Request(url, { ...init, headers }), config.options);
    this.store(url, state.headers);
    return state;
  }

  // A request to the Frontend API itself.
  async frontend(url, init = {}) {
    const response = await fetch(url, { redirect: 'manual', ...init, headers: { cookie: this.header(url), ...init.headers } });
    this.store(url, response.headers);
    return response;
  }

  // Opens a page of the application, through as many handshakes as it takes.
  async open(url) {
    const trail = [];
    this.jar(url).delete('__clerk_redirect_count'); // it lives for two seconds, and people are not that fast
    for (let hop = 0; hop < 8; hop++) {
      const state = await this.app(url);
      const location = state.headers.get('location');
      trail.push(state.reason ?? state.status);
      if (!location) return { state, trail: trail.join(' > ') };
      if (new URL(location).pathname === '/v1/client/handshake') {
        const response = await this.frontend(location);
        if (response.status !== 307) return { state, trail: `${trail.join(' > ')} > ${response.status} ${await response.text()}` };
        url = response.headers.get('location');
      } else {
        url = location;
      }
    }
    return { state: {}, trail: `${trail.join(' > ')} > and no end` };
  }
}

function describe(state) {
  const auth = state.toAuth?.();
  const who = auth && (auth.userId ?? auth.machineId ?? auth.orgId ?? auth.subject);
  return [state.status, state.tokenType, state.reason, who, auth?.orgId, auth?.scopes?.join(',')].filter(Boolean).join(' ');
}

const steps = {
  // A token in the Authorization header.
  async header({ token, accepts }) {
    const request = new Request(config.app, { headers: { authorization: `Bearer ${token}` } });
    return describe(await clerk.authenticateRequest(request, { ...config.options, acceptsToken: accepts ?? 'session_token' }));
  },

  // Opens the application, signs in at the sign-in page, and opens it again; then
  // switches the organisation, and signs out.
  async journey({ user, organization, then }) {
    const browser = new Browser();
    const lines = [];
    const open = async (what, url) => {
      const { state, trail } = await browser.open(url);
      lines.push(`${what}: ${trail}: ${describe(state)}`);
    };
    const post = async (path, fields) => {
      const body = new URLSearchParams({ ...fields, redirect_url: config.app });
      const response = await browser.frontend(config.client.apiUrl + path, { method: 'POST', body });
      return response.headers.get('location') ?? `${response.status} ${await response.text()}`;
    };
    await open('first visit', config.app);
    await browser.frontend(`${config.options.signInUrl}?redirect_url=${encodeURIComponent(config.app)}`);
    await open('signed in', await post('/sign-in', { user, organization }));
    await open('again', config.app);
    await open('switched', await post('/account', { organization: then }));
    await open('signed out', await post('/sign-out', {}));
    return lines.join('\n');
  },

  // A request whose cookies are given.
  async cookies({ cookie, method }) {
    const request = new Request(config.app, { method: method ?? 'GET', headers: { cookie } });
    const state = await clerk.authenticateRequest(request, config.options);
    return `${describe(state)} ${state.headers.getSetCookie().map(line => line.slice(0, line.indexOf('='))).join(' ')}`.trim();
  },

  // The SDK's own calls for machine tokens.
  async machines({ machineSecretKey, receiverSecretKey, subject }) {
    const lines = [];
    const attempt = async (what, call) => {
      try {
        lines.push(`${what}: ${await call()}`);
      } catch (e) {
        lines.push(`${what}: ${e.status ?? ''} ${e.errors?.[0]?.code ?? e.message}`);
      }
    };
    const m2m = await clerk.m2m.createToken({ machineSecretKey, secondsUntilExpiration: 60, claims: { run: 7 } });
    await attempt('created', () => `${m2m.subject} for ${m2m.scopes} with ${JSON.stringify(m2m.claims)}`);
    await attempt('receiver', async () => (await clerk.m2m.verify({ token: m2m.token, machineSecretKey: receiverSecretKey })).subject);
    await attempt('stranger', async () => (await clerk.m2m.verify({ token: m2m.token, machineSecretKey })).subject);
    await attempt('jwt', async () => {
      const jwt = await clerk.m2m.createToken({ machineSecretKey, tokenFormat: 'jwt' });
      return (await clerk.m2m.verify({ token: jwt.token })).scopes;
    });
    await attempt('revoked', async () => (await clerk.m2m.revokeToken({ m2mTokenId: m2m.id, revocationReason: 'gone' })).revocationReason);
    await attempt('afterwards', async () => (await clerk.m2m.verify({ token: m2m.token })).subject);
    const key = await clerk.apiKeys.create({ name: 'deploy', subject, scopes: ['a', 'b'] });
    await attempt('key', async () => { const k = await clerk.apiKeys.verify(key.secret); return `${k.name} of ${k.subject} may ${k.scopes}`; });
    await attempt('revoked key', async () => (await clerk.apiKeys.revoke({ apiKeyId: key.id })).revoked);
    await attempt('afterwards', async () => (await clerk.apiKeys.verify(key.secret)).name);
    return lines.join('\n');
  },
};

for (const step of config.steps) {
  let outcome;
  try {
    outcome = await steps[step.do](step);
  } catch (e) {
    outcome = `threw ${e.message}`;
  }
  process.stdout.write(`-- ${step.name} --\n${outcome}\n`);
}

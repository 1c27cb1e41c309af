// Answers what Clerk's backend SDK makes of requests. The first line of standard
// input holds the key sets and the questions for has(), each further line a case
// (see case_test.go); for each case a line is written with what the SDK said. Nothing is fetched from outside:
// the Backend API is an HTTP server in this process, which gives the answers that
// the case names.
import http from 'node:http';
import { createInterface } from 'node:readline';

process.env.CLERK_TELEMETRY_DISABLED = '1';
for (const level of ['log', 'info', 'warn', 'error', 'debug']) console[level] = () => {};

const { createClerkClient, verifyToken } = await import('@clerk/backend');
const { createAuthenticateRequest } = await import('@clerk/backend/internal');

let setup; // {keySets: by name; a secret key ends with the name of its set, has: [params]}
let current; // the case under way
let calls; // what the SDK asked of the Backend API for it
let now = null;
const realNow = Date.now;
Date.now = () => now ?? realNow();

const endpoints = {
  '/v1/clients/handshake_payload': 'handshake',
  '/api_keys/verify': 'apiKey',
  '/m2m_tokens/verify': 'm2m',
  '/oauth_applications/access_tokens/verify': 'oauth',
};

// describeCall keeps of a question what Clerkgate has to ask, too.
function describeCall(url, body) {
  const kind = endpoints[url.pathname];
  switch (kind) {
    case 'handshake':
      return { kind, secret: url.searchParams.get('nonce') };
    case 'apiKey':
      return { kind, secret: body.secret };
    case 'm2m':
      return { kind, secret: body.token };
    case 'oauth':
      return { kind, secret: body.access_token };
  }
  const [, session] = url.pathname.match(/^\/v1\/sessions\/(.*)\/refresh$/) ?? [];
  if (session === undefined) return { kind: url.pathname };
  return {
    kind: 'refresh',
    session: decodeURIComponent(session),
    suffixed: url.searchParams.get('suffixed_cookies') === 'true',
    expired: body.expired_token,
    refresh: body.refresh_token,
    origin: body.request_origin,
  };
}

async function serve(request, response) {
  const url = new URL(request.url, 'http://api.invalid');
  if (url.pathname === '/v1/jwks') {
    const name = request.headers.authorization.split('_').pop();
    response.setHeader('content-type', 'application/json');
    return response.end(JSON.stringify({ keys: setup.keySets[name] ?? [] }));
  }
  let text = '';
  for await (const chunk of request) text += chunk;
  const call = describeCall(url, text === '' ? {} : JSON.parse(text));
  calls.push(call);
  const answer = current.backend?.[call.kind];
  if (!answer || answer.status === 0) return request.socket.destroy();
  response.statusCode = answer.status;
  if (answer.type) response.setHeader('content-type', answer.type);
  response.end(answer.body ?? '');
}

const server = http.createServer((request, response) => {
  serve(request, response).catch(error => {
    process.stderr.write(`backend: ${error}\n`);
    process.exit(1);
  });
});
await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
const apiUrl = `http://127.0.0.1:${server.address().port}`;

// One client for each secret key, as a service would have it. The SDK caches keys
// by secret key, and there is one of those for each key set.
const clients = new Map();
function authenticator(options) {
  const { secretKey, publishableKey } = options;
  const name = `${current.noClient ? 'none' : 'client'} ${secretKey}`;
  if (!clients.has(name)) {
    const apiClient = current.noClient ? undefined : createClerkClient({ secretKey, publishableKey, apiUrl, telemetry: { disabled: true } });
    clients.set(name, createAuthenticateRequest({ options: { apiUrl }, apiClient }).authenticateRequest);
  }
  return clients.get(name);
}

const sessionFields = ['userId', 'sessionId', 'sessionStatus', 'orgId', 'orgSlug', 'orgRole', 'orgPermissions'];
const machineFields = ['id', 'subject', 'scopes', 'userId', 'orgId', 'machineId', 'clientId'];

function pick(object, names) {
  return Object.fromEntries(names.filter(n => object[n] !== undefined && object[n] !== null).map(n => [n, object[n]]));
}

function asked(auth, params) {
  try {
    return auth.has(params);
  } catch {
    return false;
  }
}

function identity(state) {
  if (state.tokenType !== 'session_token') return { auth: pick(state.toAuth(), machineFields) };
  const auth = state.toAuth({ treatPendingAsSignedOut: false });
  return {
    auth: pick(auth, sessionFields),
    pending: state.toAuth().userId === null && auth.userId !== null,
    has: setup.has.map(params => (asked(auth, params) ? 1 : 0)).join(''),
  };
}

async function judge() {
  const request = new Request(current.url, { method: current.method, headers: current.headers });
  const state = await authenticator(current.options)(request, structuredClone(current.options));
  const cookies = state.headers.getSetCookie();
  return {
    status: state.status,
    reason: state.reason ?? undefined,
    location: state.headers.get('location') ?? undefined,
    cookies: cookies.length > 0 ? cookies : undefined,
    tokenType: state.tokenType ?? undefined,
    ...(state.status === 'signed-in' ? identity(state) : {}),
  };
}

// judgeTemplate verifies a token of a JWT template. No way of authenticating a
// request accepts one, but the SDK has a function for such tokens.
async function judgeTemplate() {
  try {
    const claims = await verifyToken(current.template, { ...structuredClone(current.options), apiUrl });
    return { status: 'signed-in', tokenType: 'template_token', auth: { userId: claims.sub } };
  } catch (error) {
    if (!error?.reason) throw error;
    return { status: 'signed-out', reason: error.reason };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  if (!setup) {
    setup = JSON.parse(line);
    continue;
  }
  current = JSON.parse(line);
  now = current.now;
  calls = [];
  let answer;
  try {
    answer = await (current.template === undefined ? judge() : judgeTemplate());
  } catch (error) {
    answer = { status: 'threw', threw: error?.constructor?.name ?? typeof error };
    if (process.env.PARITY_VERBOSE) answer.message = String(error?.stack ?? error);
  }
  if (calls.length > 0) answer.calls = calls;
  process.stdout.write(JSON.stringify(answer) + '\n');
}
process.stdout.write('', () => process.exit(0));

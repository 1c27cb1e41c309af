// Asks Clerk's backend SDK about the same requests again and again, for somebody
// who watches what this process costs. The first line of standard input holds the
// options and the requests by name; each further line says {name, times}, and is
// answered by a line once the request was authenticated so often. Nothing is
// fetched: the options have the key.
import { createInterface } from 'node:readline';

process.env.CLERK_TELEMETRY_DISABLED = '1';

const { createClerkClient } = await import('@clerk/backend');

let client, options, requests;

function setUp({ secretKey, publishableKey, ...rest }) {
  client = createClerkClient({ secretKey, publishableKey, jwtKey: rest.jwtKey, telemetry: { disabled: true } });
  options = { jwtKey: rest.jwtKey, authorizedParties: rest.authorizedParties };
  requests = Object.fromEntries(
    Object.entries(rest.requests).map(([name, { url, method, headers }]) => [name, new Request(url, { method, headers })]),
  );
}

async function ask({ name, times }) {
  for (let i = 0; i < times; i++) {
    const state = await client.authenticateRequest(requests[name], options);
    if (state.status !== 'signed-in') throw new Error(`${name}: ${state.status}, ${state.reason}: ${state.message}`);
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  if (client) await ask(JSON.parse(line));
  else setUp(JSON.parse(line));
  process.stdout.write('done\n');
}

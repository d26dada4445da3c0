// oauth4webapi as a client in its three ways and as a resource server, against a running gateway.
//
//   node client.mjs FOLDER INPUT
//
// FOLDER holds node_modules, INPUT is JSON: url, audience, admin (a token), accounts (id, client_id, method, secret, alg).

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, input] = process.argv.slice(2);
const installed = createRequire(join(folder, "package.json")).resolve("oauth4webapi");
const oauth = await import(pathToFileURL(installed));
const given = JSON.parse(await readFile(input, "utf8"));

// The gateway of a test has no certificate.
const plain = { [oauth.allowInsecureRequests]: true };
const url = new URL(given.url);
const as = await oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, { algorithm: "oauth2", ...plain }));
assert.equal(as.issuer, given.url);

// RFC 9728: what is guarded says who guards it.
const guarded = await oauth.processResourceDiscoveryResponse(url, await oauth.resourceDiscoveryRequest(url, plain));
assert.deepEqual(guarded.authorization_servers, [as.issuer]);

let clients = 0;
let refusals = 0;

/** One more refusal as OAuth words it, whichever of its errors the library makes of it. */
async function refused(what, attempt, error = "invalid_client") {
  const caught = await attempt().then(() => assert.fail(`${what}: it was taken`), (reason) => reason);
  const told = caught.error ?? (await caught.response?.clone().json().catch(() => ({})))?.error ?? caught.code ?? caught.message;
  assert.equal(told, error, `${what}: ${caught.stack}`);
  refusals += 1;
}

async function token(client, authentication, parameters = {}) {
  const answer = await oauth.clientCredentialsGrantRequest(as, client, authentication, parameters, plain);
  return oauth.processClientCredentialsResponse(as, client, answer);
}

/** As a resource server does that knows the issuer and its own name. */
function validate(accessToken, audience = given.audience) {
  const request = new Request(given.url, { headers: { authorization: `Bearer ${accessToken}` } });
  return oauth.validateJwtAccessToken(as, request, audience, plain);
}

async function introspect(client, authentication, asked) {
  const answer = await oauth.introspectionRequest(as, client, authentication, asked, plain);
  return oauth.processIntrospectionResponse(as, client, answer);
}

async function idinfo(accessToken) {
  const at = new URL("/passport/idinfo", given.url);
  return oauth.protectedResourceRequest(accessToken, "GET", at, undefined, undefined, plain);
}

/** A key pair of that algorithm, its public half registered. */
async function keyed(account) {
  const pair = await oauth.generateKeyPair(account.alg, { extractable: true });
  const { kty, crv, x, y, n, e } = await crypto.subtle.exportKey("jwk", pair.publicKey);
  const jwk = { kty, crv, x, y, n, e, kid: "k", alg: account.alg };
  const answer = await fetch(`${given.url}/passport/admin/managed-identities/${account.id}/keys`, {
    method: "POST",
    headers: { authorization: `Bearer ${given.admin}`, "content-type": "application/json" },
    body: JSON.stringify({ jwk }),
  });
  assert.equal(answer.status, 201, await answer.text());
  return pair.privateKey;
}

for (const account of given.accounts) {
  const client = { client_id: account.client_id };
  const refuse = (what, authentication) => refused(`${account.method}: ${what}`, () => token(client, authentication));
  let authentication;
  assert.ok(as.token_endpoint_auth_methods_supported.includes(account.method));
  if (account.method === "private_key_jwt") {
    const privateKey = { key: await keyed(account), kid: "k" };
    assert.ok(as.token_endpoint_auth_signing_alg_values_supported.includes(account.alg), account.alg);
    authentication = oauth.PrivateKeyJwt(privateKey);
    const changed = (change) => oauth.PrivateKeyJwt(privateKey, { [oauth.modifyAssertion]: (header, claims) => change(claims, header) });
    await refuse("for the token endpoint", changed((claims) => (claims.aud = as.token_endpoint)));
    await refuse("for a list", changed((claims) => (claims.aud = [as.issuer])));
    await refuse("expired", changed((claims) => (claims.exp -= 120)));
    await refuse("of another", changed((claims) => (claims.iss = "another")));
    await refuse("as an access token", changed((claims, header) => (header.typ = "at+jwt")));
    const once = changed((claims) => (claims.jti = `once-${account.alg}`));
    await token(client, once);
    await refuse("twice", once);
    await refuse("by another key of that name", oauth.PrivateKeyJwt({ key: (await oauth.generateKeyPair(account.alg)).privateKey, kid: "k" }));
    await refuse("by secret", oauth.ClientSecretBasic("x"));
  } else {
    const [way, other] =
      account.method === "client_secret_basic"
        ? [oauth.ClientSecretBasic, oauth.ClientSecretPost]
        : [oauth.ClientSecretPost, oauth.ClientSecretBasic];
    authentication = way(account.secret);
    await refuse("wrong", way(`${account.secret}x`));
    await refuse("in the other place", other(account.secret));
    await refuse("as the key of a MAC", oauth.ClientSecretJwt(account.secret));
  }
  await refuse("nothing", oauth.None());
  await refused("a scope that is not held", () => token(client, authentication, { scope: "payroll.run" }), "invalid_scope");

  const answer = await token(client, authentication);
  assert.equal(answer.token_type, "bearer");
  const claims = await validate(answer.access_token);
  assert.equal(claims.sub, account.client_id);
  assert.equal(claims.client_id, account.client_id);
  assert.equal(claims.managed_identity_id, account.id);
  assert.equal(claims.exp - claims.iat, answer.expires_in);
  await refused("another audience", () => validate(answer.access_token, "another-api"), "OAUTH_JWT_CLAIM_COMPARISON_FAILED");
  const [head, , signature] = answer.access_token.split(".");
  const grown = Buffer.from(JSON.stringify({ ...claims, roles: ["admin"] })).toString("base64url");
  await refused("a changed token", () => validate(`${head}.${grown}.${signature}`), "OAUTH_INVALID_RESPONSE");

  const living = await introspect(client, authentication, answer.access_token);
  assert.equal(living.active, true);
  assert.equal(living.sub, account.client_id);
  assert.equal((await idinfo(answer.access_token)).status, 200);
  await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, authentication, answer.access_token, plain));
  assert.deepEqual(await introspect(client, authentication, answer.access_token), { active: false });
  await assert.rejects(idinfo(answer.access_token), (reason) => reason.status === 401);
  clients += 1;
}

process.stdout.write(`${clients} clients, ${refusals} refusals\n`);

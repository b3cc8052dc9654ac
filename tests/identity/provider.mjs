// An OpenID Connect provider on the loopback: `node provider.mjs '{"users": {…}, …}'` writes its issuer as a line.
// POST /control changes it while it runs (what may change: `control` below), GET /control counts requests for keys.
import { generateKeyPairSync, randomUUID } from "node:crypto";
import http from "node:http";

import Provider, { interactionPolicy } from "oidc-provider";

const settings = {
  users: {}, // name → claims of its access tokens
  seconds: 300, // how long an access token lasts
  sessionSeconds: 3_600,
  algorithm: "RS256",
  port: 0,
  ...JSON.parse(process.argv[2] ?? "{}"),
};
const made = (algorithm) => {
  const { privateKey } = algorithm.startsWith("ES")
    ? generateKeyPairSync("ec", { namedCurve: "P-256" })
    : generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { ...privateKey.export({ format: "jwk" }), kid: randomUUID(), alg: algorithm, use: "sig" };
};

let keys = [made(settings.algorithm)];
let current;
const counts = { keys: 0 };
const server = http.createServer((request, response) => {
  if (request.url === "/control") control(request, response);
  else if (request.url.startsWith("/interaction/")) {
    signIn(request, response).catch((error) => response.writeHead(400).end(String(error)));
  } else {
    counts.keys += request.url === "/jwks";
    current.callback()(request, response);
  }
});
server.listen(settings.port, "127.0.0.1", () => {
  settings.issuer = `http://127.0.0.1:${server.address().port}`;
  current = provider();
  console.log(settings.issuer);
});

function provider() {
  const granted = async (context) => {
    const { client, session, params } = context.oidc;
    const grant = new context.oidc.provider.Grant({ clientId: client.clientId, accountId: session.accountId });
    grant.addOIDCScope(params.scope);
    for (const resource of [params.resource ?? []].flat()) grant.addResourceScope(resource, "read");
    await grant.save();
    return grant;
  };
  const policy = interactionPolicy.base();
  policy.get("consent").checks.clear(); // nobody is asked, but by a client's own wish
  return new Provider(settings.issuer, {
    jwks: { keys },
    cookies: { keys: ["of the tests"] },
    clients: [
      {
        // a page: no secret, and any port of the loopback
        client_id: "page",
        application_type: "native",
        token_endpoint_auth_method: "none",
        grant_types: ["authorization_code", "refresh_token"],
        redirect_uris: ["http://127.0.0.1/", "http://localhost/"],
        post_logout_redirect_uris: ["http://127.0.0.1/", "http://localhost/"],
        id_token_signed_response_alg: settings.algorithm,
      },
    ],
    clientBasedCORS: () => true,
    pkce: { required: () => true },
    scopes: ["openid", "profile", "offline_access"],
    claims: { openid: ["sub"], profile: ["name"] },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, name: sub }) }),
    extraTokenClaims: (_, token) => settings.users[token.accountId],
    issueRefreshToken: (_, client) => client.grantTypeAllowed("refresh_token"),
    loadExistingGrant: granted,
    interactions: { policy, url: (_, interaction) => `/interaction/${interaction.uid}` },
    ttl: {
      AccessToken: () => settings.seconds,
      IdToken: () => settings.seconds,
      Session: () => settings.sessionSeconds,
      Grant: () => settings.sessionSeconds,
      Interaction: () => 600,
      RefreshToken: () => settings.sessionSeconds,
    },
    features: {
      devInteractions: { enabled: false },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (context, form) => {
          context.body = `<!doctype html><title>Sign out</title>${form}
            <button name="logout" value="yes" form="op.logoutForm" autofocus>Sign out</button>`;
        },
      },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: (_, resource) => ({
          scope: "read",
          audience: resource,
          accessTokenFormat: "jwt",
          accessTokenTTL: settings.seconds,
          jwt: { sign: { alg: settings.algorithm } },
        }),
      },
    },
  });
}

async function body(request) {
  let text = "";
  for await (const piece of request) text += piece;
  return text;
}

async function signIn(request, response) {
  const { prompt } = await current.interactionDetails(request, response);
  if (prompt.name === "consent") {
    await current.interactionFinished(request, response, { consent: {} }, { mergeWithLastSubmission: true });
    return;
  }
  const name = request.method === "POST" ? new URLSearchParams(await body(request)).get("user") : undefined;
  if (name !== undefined && name in settings.users) {
    await current.interactionFinished(request, response, { login: { accountId: name } });
    return;
  }
  const said = name === undefined ? "" : "<p>There is no such user.</p>";
  response.setHeader("content-type", "text/html; charset=utf-8");
  response.end(`<!doctype html><title>Sign in</title>${said}
    <form method="post"><label>User <input name="user" autofocus></label> <button>Sign in</button></form>`);
}

async function control(request, response) {
  if (request.method === "POST") {
    const { roll, ...changed } = JSON.parse(await body(request));
    Object.assign(settings, changed);
    // The first key that fits signs. "beside" still publishes the old ones, "instead" does not.
    if (roll === "beside") keys = [made(settings.algorithm), ...keys];
    if (roll === "instead") keys = [made(settings.algorithm)];
    current = provider();
  }
  response.end(JSON.stringify(counts));
}

// Signing in by the provider's page: authorisation code with PKCE. What the provider gives stays in this tab.
import { say } from "./page-words.js";

const BEGUN = "footnote:signing-in";
const SIGNED = "footnote:signed-in";
/** A token is renewed so many seconds before it ends. */
const EARLY = 20;

const read = (name) => JSON.parse(sessionStorage.getItem(name) ?? "null");
const write = (name, value) => sessionStorage.setItem(name, JSON.stringify(value));
const letters = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const chance = () => letters(crypto.getRandomValues(new Uint8Array(32)));
const back = () => `${location.origin}/`;

class SignedOut extends Error {
  status = 401;
}

let provider;
let given;
let coming;

/** The provider by which people sign in here, undefined where there is none or it cannot be asked now. */
export async function offered() {
  const asked = await fetch("/v1/sign-in").catch(() => undefined);
  provider = asked?.ok ? (await asked.json()).provider ?? undefined : undefined;
  return provider;
}

/** Whether somebody is signed in in this tab. */
export const signed = () => read(SIGNED) !== null;

/** What the provider calls who is signed in. */
export function who() {
  const { name, preferred_username: user, email, sub } = read(SIGNED)?.about ?? {};
  return name ?? user ?? email ?? sub ?? "";
}

export async function signIn() {
  if (!crypto.subtle) throw new SignedOut(say("insecure"));
  const begun = { state: chance(), nonce: chance(), verifier: chance() };
  write(BEGUN, begun);
  const challenge = letters(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(begun.verifier)));
  const address = new URL(provider.authorization_endpoint);
  const asked = {
    response_type: "code", client_id: provider.client_id, redirect_uri: back(), scope: provider.scope,
    state: begun.state, nonce: begun.nonce, code_challenge: challenge, code_challenge_method: "S256",
    ...provider.parameters,
  };
  for (const [name, value] of Object.entries(asked)) address.searchParams.set(name, value);
  location.assign(address);
}

/** Takes what the provider's page brought back, if it did; returns a sentence where it is not what was asked for. */
export async function arrive() {
  const brought = new URLSearchParams(location.search);
  if (!brought.has("state")) return "";
  const begun = read(BEGUN);
  // Whatever it is, it counts once, and is not left in the address bar and the history.
  sessionStorage.removeItem(BEGUN);
  history.replaceState(null, "", "/");
  if (begun?.state !== brought.get("state")) return say("foreign");
  if (!(await offered())) return say("silent");
  if ((brought.get("iss") ?? provider.issuer) !== provider.issuer) return say("foreign");
  if (!brought.get("code")) {
    return say("denied", { why: /^\w{1,40}$/.exec(brought.get("error"))?.[0] ?? "?" });
  }
  try {
    await take({ grant_type: "authorization_code", code: brought.get("code"), redirect_uri: back(),
      code_verifier: begun.verifier }, begun.nonce);
    return "";
  } catch (error) {
    return error.message;
  }
}

/** Asks the provider for tokens, and keeps them; `nonce` ties the first to this sign-in. */
async function take(asked, nonce) {
  const answer = await fetch(provider.token_endpoint, {
    method: "POST", body: new URLSearchParams({ client_id: provider.client_id, ...provider.parameters, ...asked }),
  }).catch(() => undefined);
  if (!answer) throw new TypeError(say("silent"));
  const found = await answer.json().catch(() => ({}));
  if (!answer.ok || !found.access_token) {
    throw new SignedOut(say("denied", { why: /^\w{1,40}$/.exec(found.error)?.[0] ?? answer.status }));
  }
  const about = found.id_token && said(found.id_token);
  // It comes from the provider itself over TLS, so its claims need no signature (OpenID Connect Core, 3.1.3.7).
  const fits = !about || (about.iss === provider.issuer && [about.aud].flat().includes(provider.client_id)
    && (!nonce || about.nonce === nonce));
  if (!fits || (nonce && !about && provider.scope.split(" ").includes("openid"))) throw new SignedOut(say("foreign"));
  const kept = read(SIGNED) ?? {};
  write(SIGNED, {
    token: found.access_token,
    expires: found.expires_in && Date.now() / 1000 + Number(found.expires_in),
    refresh: found.refresh_token ?? (nonce ? undefined : kept.refresh),
    id: found.id_token ?? kept.id,
    about: about ?? kept.about,
  });
}

/** The claims of an id token. */
function said(token) {
  const bytes = atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/"));
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(bytes, (one) => one.charCodeAt(0))));
}

/** Gets a new token for one that has ended or was refused; where the provider gives none, nobody is signed in. */
export function renew(refused) {
  const { token, refresh } = read(SIGNED) ?? {};
  if (token && token !== refused) return;
  return (coming ??= (async () => {
    try {
      if (!refresh || !(provider ?? (await offered()))) throw new SignedOut(say("over"));
      await take({ grant_type: "refresh_token", refresh_token: refresh });
    } catch (error) {
      if (error instanceof SignedOut) {
        sessionStorage.removeItem(SIGNED);
        throw new SignedOut(say("over"));
      }
      throw error;
    } finally {
      coming = undefined;
    }
  })());
}

/** The token of who is signed in, a fresh one where that of before is about to end; "" where nobody is. */
export async function token() {
  const kept = read(SIGNED);
  if (kept?.expires && kept.expires - EARLY < Date.now() / 1000) await renew(kept.token);
  return read(SIGNED)?.token ?? "";
}

/** The same for the chat, which asks again only for another than it was given. */
export async function pass() {
  if (given && given === read(SIGNED)?.token) await renew(given);
  given = await token();
  return { token: given, expires: read(SIGNED)?.expires };
}

/** Signs out here, and at the provider where it has a page for that. */
export async function signOut() {
  const { id } = read(SIGNED) ?? {};
  sessionStorage.removeItem(SIGNED);
  const end = (provider ?? (await offered()))?.end_session_endpoint;
  if (!end) {
    location.reload();
    return;
  }
  const address = new URL(end);
  const asked = { post_logout_redirect_uri: back(), client_id: provider.client_id, ...(id && { id_token_hint: id }) };
  for (const [name, value] of Object.entries(asked)) address.searchParams.set(name, value);
  location.assign(address);
}

/** Who asks: a key, a person whose token the host page fetches, or a visitor whose token the service makes. */

/** A token, and when it ends, in seconds since 1970. */
export interface Pass {
  token: string;
  expires?: number;
}

export type Source = () => Promise<Pass | string>;

/** A token is renewed so many seconds before it ends. */
const EARLY = 20;

/** Whose a token is, so that nobody is shown what another left in this browser; empty where it does not say. */
export function personOf(token: string): string {
  try {
    return String(JSON.parse(atob(token.split(".")[1]!.replace(/-/g, "+").replace(/_/g, "/"))).sub ?? "");
  } catch {
    return "";
  }
}

const lasts = ({ expires }: Pass) => !expires || expires - EARLY > Date.now() / 1000;

/** What a request shows, and what is done with it when the service refuses it. */
export interface Signs {
  pass(): Promise<Pass>;
  refuse(token: string): void;
}

export class Sign implements Signs {
  #kept: Pass | undefined;
  #coming: Promise<Pass> | undefined;

  constructor(private readonly source: Source) {}

  /** The token to show, a fresh one where that of before is about to end. */
  pass(): Promise<Pass> {
    if (this.#kept && lasts(this.#kept)) return Promise.resolve(this.#kept);
    return (this.#coming ??= this.#fetch().finally(() => (this.#coming = undefined)));
  }

  /** Forgets a token that the service refused; another that has come meanwhile stays. */
  refuse(token: string): void {
    if (this.#kept?.token === token) this.#kept = undefined;
  }

  async #fetch(): Promise<Pass> {
    return (this.#kept = passOf(await this.source()));
  }
}

const passOf = (found: Pass | string): Pass => (typeof found === "string" ? { token: found } : found);

/** Has the host page fetch the tokens of one person; with none, or with another's, that person is signed out. */
export function hosted(source: Source, signedOut: Error): Source {
  let person: string | undefined;
  return async () => {
    const pass = passOf(await Promise.resolve().then(source).catch(() => ""));
    if (!pass?.token || personOf(pass.token) !== (person ??= personOf(pass.token))) throw signedOut;
    return pass;
  };
}

/** Fetches a token from an address of the host page, which knows its people by their cookies. */
export const fetched = (address: string): Source => async () => {
  const response = await fetch(address, { cache: "no-store", headers: { accept: "application/json" } });
  if (!response.ok) throw new TypeError(String(response.status));
  return response.json();
};

/** Keeps a visitor's token in the browser under a name, where that is allowed, and has another made after it. */
export function kept(name: string, make: () => Promise<Pass>): Source {
  let shown = "";
  return async () => {
    try {
      const found = JSON.parse(localStorage.getItem(name) ?? "null");
      // One that was shown before and is asked for again was refused, or is about to end.
      if (found?.token && found.token !== shown && lasts(found)) {
        shown = found.token;
        return found;
      }
    } catch {
      // Storage may be forbidden; a visitor is then known as long as the page lives.
    }
    const made = await make();
    shown = made.token;
    try {
      localStorage.setItem(name, JSON.stringify(made));
    } catch {
      // As above.
    }
    return made;
  };
}

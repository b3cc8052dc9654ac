/** What the widget says, in ten languages: a file each in words/, one phrase a line, in the order of the keys. */
import en from "./words/en.txt";
import de from "./words/de.txt";
import fr from "./words/fr.txt";
import es from "./words/es.txt";
import it from "./words/it.txt";
import pt from "./words/pt.txt";
import nl from "./words/nl.txt";
import pl from "./words/pl.txt";
import ja from "./words/ja.txt";
import ar from "./words/ar.txt";

const keys = [
  "title", "ask", "send", "stop", "close", "open", "reset", "erase",
  "you", "source", "page", "openDocument", "notThere", "nearest", "searching", "writing",
  "stopped", "failed", "retry", "offline", "copy", "copied", "good", "bad", "thanks",
  "why", "wrong", "incomplete", "misquoted", "outdated", "more",
  "partly", "unsupported", "partlyMeans", "unsupportedMeans", "support", "sources", "regenerate",
  "edit", "editing", "cancel", "explain", "notice",
  "past", "noPast", "older", "withheld", "signedOut",
] as const;

export type Words = Record<(typeof keys)[number], string>;

const languages: Record<string, string> = { en, de, fr, es, it, pt, nl, pl, ja, ar };

const RIGHT_TO_LEFT = /^(ar|fa|he|ur)\b/i;

export const rightToLeft = (language: string): boolean => RIGHT_TO_LEFT.test(language);

export function wordsFor(language: string): Words {
  const phrases = (languages[language.slice(0, 2).toLowerCase()] ?? languages.en!).split("\n");
  return Object.fromEntries(keys.map((key, place) => [key, phrases[place]])) as Words;
}

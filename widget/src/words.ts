/** What the widget says, by language. */
export interface Words {
  title: string; ask: string; send: string; stop: string; close: string; open: string; reset: string;
  you: string; source: string; page: string; openDocument: string; notThere: string; nearest: string;
  searching: string; writing: string; stopped: string; failed: string; retry: string; offline: string;
  copy: string; copied: string; good: string; bad: string; thanks: string; partly: string; unsupported: string;
  sources: string; regenerate: string;
}

const en: Words = {
  title: "Ask the documents", ask: "Ask a question…", send: "Send", stop: "Stop", close: "Close", open: "Open chat",
  reset: "Start over", you: "You asked", source: "Source", page: "page", openDocument: "Open document",
  notThere: "Not in the documents", nearest: "Nearest documents", searching: "Searching the documents…",
  writing: "Writing…", stopped: "Stopped.", failed: "The answer broke off.", retry: "Try again",
  offline: "You are offline.", copy: "Copy with sources", copied: "Copied", good: "Good answer", bad: "Bad answer",
  thanks: "Thank you", partly: "Only partly supported by the sources", unsupported: "Not supported by the sources",
  sources: "Sources", regenerate: "Answer again",
};

const de: Words = {
  title: "Die Dokumente fragen", ask: "Frage stellen…", send: "Senden", stop: "Anhalten", close: "Schließen",
  open: "Chat öffnen", reset: "Neu beginnen", you: "Deine Frage", source: "Quelle", page: "Seite",
  openDocument: "Dokument öffnen", notThere: "Nicht in den Dokumenten", nearest: "Nächstliegende Dokumente",
  searching: "Die Dokumente werden durchsucht…", writing: "Antwort entsteht…", stopped: "Angehalten.",
  failed: "Die Antwort ist abgebrochen.", retry: "Noch einmal", offline: "Keine Verbindung.",
  copy: "Mit Quellen kopieren", copied: "Kopiert", good: "Gute Antwort", bad: "Schlechte Antwort", thanks: "Danke",
  partly: "Von den Quellen nur teilweise gestützt", unsupported: "Von den Quellen nicht gestützt",
  sources: "Quellen", regenerate: "Neu antworten",
};

const fr: Words = {
  title: "Interroger les documents", ask: "Posez une question…", send: "Envoyer", stop: "Arrêter", close: "Fermer",
  open: "Ouvrir le chat", reset: "Recommencer", you: "Votre question", source: "Source", page: "page",
  openDocument: "Ouvrir le document", notThere: "Absent des documents", nearest: "Documents les plus proches",
  searching: "Recherche dans les documents…", writing: "Rédaction…", stopped: "Arrêté.",
  failed: "La réponse s’est interrompue.", retry: "Réessayer", offline: "Vous êtes hors ligne.",
  copy: "Copier avec les sources", copied: "Copié", good: "Bonne réponse", bad: "Mauvaise réponse", thanks: "Merci",
  partly: "Appuyé en partie seulement par les sources", unsupported: "Non appuyé par les sources",
  sources: "Sources", regenerate: "Répondre à nouveau",
};

const es: Words = {
  title: "Pregunta a los documentos", ask: "Haz una pregunta…", send: "Enviar", stop: "Detener", close: "Cerrar",
  open: "Abrir chat", reset: "Empezar de nuevo", you: "Tu pregunta", source: "Fuente", page: "página",
  openDocument: "Abrir documento", notThere: "No está en los documentos", nearest: "Documentos más cercanos",
  searching: "Buscando en los documentos…", writing: "Escribiendo…", stopped: "Detenido.",
  failed: "La respuesta se interrumpió.", retry: "Reintentar", offline: "Sin conexión.",
  copy: "Copiar con fuentes", copied: "Copiado", good: "Buena respuesta", bad: "Mala respuesta", thanks: "Gracias",
  partly: "Respaldado solo en parte por las fuentes", unsupported: "No respaldado por las fuentes",
  sources: "Fuentes", regenerate: "Responder otra vez",
};

const all: Record<string, Words> = { en, de, fr, es };

export function wordsFor(language: string): Words {
  return all[language.slice(0, 2).toLowerCase()] ?? en;
}

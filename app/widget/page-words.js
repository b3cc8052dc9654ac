// The page's words in four languages, the browser's first that is one of them, or the page's own where it names it.
// Loaded before the chat, which speaks the language of the page.

const WORDS = {
  en: {
    erase: "Delete conversation", erasing: "Delete this conversation, here and at the service", fresh: "New conversation",
    documents: "Documents", acts: "Conversation", locked: "This service needs a key", kept: "It stays in this tab only.",
    enter: "Open", heading: "What would you like to know?",
    intro: "Answers come from your documents alone. Every sentence carries its footnote: open it to read the passage it rests on.",
    close: "Close", closing: "Close documents",
    filter: "Filter", filtering: "Filter documents", empty: "Nothing is ingested yet. Add a folder:",
    keep: "Add and manage documents",
    explained: "How this answer came about", one: "1 document", many: "{n} documents", quotes: "answers quote them word for word",
    silent: "The service did not answer.",
    past: "Past conversations", in: "Sign in", out: "Sign out", orKey: "Or enter a key",
    foreign: "This sign-in was not begun in this tab, or it was used before. Sign in again.",
    denied: "The provider did not sign you in ({why}). Try again.",
    over: "You are signed out. Sign in again.",
    insecure: "Signing in needs a page at https.",
  },
  de: {
    erase: "Gespräch löschen", erasing: "Dieses Gespräch löschen, hier und beim Dienst", fresh: "Neues Gespräch",
    documents: "Dokumente", acts: "Gespräch", locked: "Dieser Dienst braucht einen Schlüssel", kept: "Er bleibt nur in diesem Tab.",
    enter: "Öffnen", heading: "Was möchten Sie wissen?",
    intro: "Die Antworten kommen allein aus Ihren Dokumenten. Jeder Satz trägt seine Fußnote: Öffnen Sie sie, um die Stelle zu lesen, auf der er ruht.",
    close: "Schließen", closing: "Dokumente schließen",
    filter: "Filtern", filtering: "Dokumente filtern", empty: "Noch ist nichts aufgenommen. Fügen Sie einen Ordner hinzu:",
    keep: "Dokumente hinzufügen und verwalten",
    explained: "Wie diese Antwort zustande kam", one: "1 Dokument", many: "{n} Dokumente", quotes: "Antworten zitieren sie wörtlich",
    silent: "Der Dienst hat nicht geantwortet.",
    past: "Frühere Gespräche", in: "Anmelden", out: "Abmelden", orKey: "Oder einen Schlüssel eingeben",
    foreign: "Diese Anmeldung wurde nicht in diesem Tab begonnen oder schon einmal benutzt. Melden Sie sich noch einmal an.",
    denied: "Der Anbieter hat Sie nicht angemeldet ({why}). Versuchen Sie es noch einmal.",
    over: "Sie sind abgemeldet. Melden Sie sich wieder an.",
    insecure: "Zum Anmelden muss die Seite über https kommen.",
  },
  fr: {
    erase: "Supprimer la conversation", erasing: "Supprimer cette conversation, ici et sur le service", fresh: "Nouvelle conversation",
    documents: "Documents", acts: "Conversation", locked: "Ce service demande une clé", kept: "Elle reste dans cet onglet seulement.",
    enter: "Ouvrir", heading: "Que voulez-vous savoir ?",
    intro: "Les réponses viennent uniquement de vos documents. Chaque phrase porte sa note : ouvrez-la pour lire le passage sur lequel elle repose.",
    close: "Fermer", closing: "Fermer les documents",
    filter: "Filtrer", filtering: "Filtrer les documents", empty: "Rien n’est encore indexé. Ajoutez un dossier :",
    keep: "Ajouter et gérer des documents",
    explained: "D’où vient cette réponse", one: "1 document", many: "{n} documents", quotes: "les réponses les citent mot à mot",
    silent: "Le service n’a pas répondu.",
    past: "Conversations passées", in: "Se connecter", out: "Se déconnecter", orKey: "Ou saisir une clé",
    foreign: "Cette connexion n’a pas été commencée dans cet onglet, ou a déjà servi. Connectez-vous de nouveau.",
    denied: "Le fournisseur ne vous a pas connecté ({why}). Réessayez.",
    over: "Vous êtes déconnecté. Reconnectez-vous.",
    insecure: "Pour se connecter, la page doit être en https.",
  },
  es: {
    erase: "Borrar conversación", erasing: "Borrar esta conversación, aquí y en el servicio", fresh: "Nueva conversación",
    documents: "Documentos", acts: "Conversación", locked: "Este servicio necesita una clave", kept: "Se queda solo en esta pestaña.",
    enter: "Abrir", heading: "¿Qué quiere saber?",
    intro: "Las respuestas vienen solo de sus documentos. Cada frase lleva su nota: ábrala para leer el pasaje en que se apoya.",
    close: "Cerrar", closing: "Cerrar documentos",
    filter: "Filtrar", filtering: "Filtrar documentos", empty: "Todavía no hay nada. Añada una carpeta:",
    keep: "Añadir y gestionar documentos",
    explained: "Cómo surgió esta respuesta", one: "1 documento", many: "{n} documentos", quotes: "las respuestas los citan palabra por palabra",
    silent: "El servicio no respondió.",
    past: "Conversaciones anteriores", in: "Iniciar sesión", out: "Cerrar sesión", orKey: "O introducir una clave",
    foreign: "Este inicio de sesión no empezó en esta pestaña o ya se usó. Inicie sesión de nuevo.",
    denied: "El proveedor no inició su sesión ({why}). Inténtelo de nuevo.",
    over: "Su sesión ha terminado. Iníciela de nuevo.",
    insecure: "Para iniciar sesión, la página debe estar en https.",
  },
};
const known = document.documentElement.dataset.language;
const language = known ?? navigator.languages.map((one) => one.slice(0, 2).toLowerCase()).find((one) => one in WORDS) ?? "en";

/** A phrase in the page's language, filled in. */
export function say(key, values = {}) {
  return Object.entries(values).reduce((text, [name, value]) => text.replace(`{${name}}`, () => value), WORDS[language][key]);
}

document.documentElement.lang = language;
// `data-say="erase title:erasing"` names what an element says, and what its attributes say.
for (const element of document.querySelectorAll("[data-say]")) {
  for (const part of element.dataset.say.split(" ")) {
    const [attribute, key] = part.includes(":") ? part.split(":") : ["", part];
    if (attribute) element.setAttribute(attribute, say(key));
    else element.firstChild.data = say(key);
  }
}

// The page's words in four languages, the browser's first that is one of them. Loaded before the chat, which speaks
// the language of the page.

const WORDS = {
  en: {
    erase: "Delete conversation", erasing: "Delete this conversation, here and at the service", fresh: "New conversation",
    documents: "Documents", acts: "Conversation", locked: "This service needs a key", kept: "It stays in this tab only.",
    enter: "Open", heading: "What would you like to know?",
    intro: "Answers come from your documents alone. Every sentence carries its footnote: open it to read the passage it rests on.",
    close: "Close", closing: "Close documents", drop: "Drop files here, or", choose: "choose", files: "Files to add",
    uploads: "Files being added", filter: "Filter", filtering: "Filter documents", empty: "Nothing is ingested yet. Add a folder:",
    explained: "How this answer came about", one: "1 document", many: "{n} documents", quotes: "answers quote them word for word",
    added: "Added", changed: "Updated", unchanged: "Already there", no_text: "Without text", failed: "Not added",
    remove: "Remove", removing: "Remove {name}", sure: "Really remove?", surely: "Really remove {name}?",
    removed: "Removed. It comes back when its folder is ingested again.", sending: "Sending…", reading: "Reading…",
    silent: "The service did not answer.", passage: "1 passage", passages: "{n} passages",
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
    close: "Schließen", closing: "Dokumente schließen", drop: "Dateien hier ablegen oder", choose: "auswählen", files: "Dateien zum Hinzufügen",
    uploads: "Dateien, die hinzukommen", filter: "Filtern", filtering: "Dokumente filtern", empty: "Noch ist nichts aufgenommen. Fügen Sie einen Ordner hinzu:",
    explained: "Wie diese Antwort zustande kam", one: "1 Dokument", many: "{n} Dokumente", quotes: "Antworten zitieren sie wörtlich",
    added: "Hinzugefügt", changed: "Aktualisiert", unchanged: "Schon da", no_text: "Ohne Text", failed: "Nicht hinzugefügt",
    remove: "Entfernen", removing: "{name} entfernen", sure: "Wirklich entfernen?", surely: "{name} wirklich entfernen?",
    removed: "Entfernt. Es kommt wieder, wenn sein Ordner erneut aufgenommen wird.", sending: "Wird gesendet…", reading: "Wird gelesen…",
    silent: "Der Dienst hat nicht geantwortet.", passage: "1 Textstelle", passages: "{n} Textstellen",
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
    close: "Fermer", closing: "Fermer les documents", drop: "Déposez des fichiers ici, ou", choose: "choisissez-les", files: "Fichiers à ajouter",
    uploads: "Fichiers en cours d’ajout", filter: "Filtrer", filtering: "Filtrer les documents", empty: "Rien n’est encore indexé. Ajoutez un dossier :",
    explained: "D’où vient cette réponse", one: "1 document", many: "{n} documents", quotes: "les réponses les citent mot à mot",
    added: "Ajouté", changed: "Mis à jour", unchanged: "Déjà là", no_text: "Sans texte", failed: "Non ajouté",
    remove: "Retirer", removing: "Retirer {name}", sure: "Vraiment retirer ?", surely: "Vraiment retirer {name} ?",
    removed: "Retiré. Il revient quand son dossier est indexé de nouveau.", sending: "Envoi…", reading: "Lecture…",
    silent: "Le service n’a pas répondu.", passage: "1 passage", passages: "{n} passages",
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
    close: "Cerrar", closing: "Cerrar documentos", drop: "Suelte archivos aquí, o", choose: "elíjalos", files: "Archivos que añadir",
    uploads: "Archivos que se añaden", filter: "Filtrar", filtering: "Filtrar documentos", empty: "Todavía no hay nada. Añada una carpeta:",
    explained: "Cómo surgió esta respuesta", one: "1 documento", many: "{n} documentos", quotes: "las respuestas los citan palabra por palabra",
    added: "Añadido", changed: "Actualizado", unchanged: "Ya estaba", no_text: "Sin texto", failed: "No añadido",
    remove: "Quitar", removing: "Quitar {name}", sure: "¿Quitar de verdad?", surely: "¿Quitar de verdad {name}?",
    removed: "Quitado. Vuelve cuando se lea otra vez su carpeta.", sending: "Enviando…", reading: "Leyendo…",
    silent: "El servicio no respondió.", passage: "1 pasaje", passages: "{n} pasajes",
    past: "Conversaciones anteriores", in: "Iniciar sesión", out: "Cerrar sesión", orKey: "O introducir una clave",
    foreign: "Este inicio de sesión no empezó en esta pestaña o ya se usó. Inicie sesión de nuevo.",
    denied: "El proveedor no inició su sesión ({why}). Inténtelo de nuevo.",
    over: "Su sesión ha terminado. Iníciela de nuevo.",
    insecure: "Para iniciar sesión, la página debe estar en https.",
  },
};
const language = navigator.languages.map((one) => one.slice(0, 2).toLowerCase()).find((one) => one in WORDS) ?? "en";

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

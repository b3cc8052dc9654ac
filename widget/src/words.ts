/** What the widget says, in ten languages: one phrase a line, in the order of the keys. */
const keys = [
  "title", "ask", "send", "stop", "close", "open", "reset", "erase",
  "you", "source", "page", "openDocument", "notThere", "nearest", "searching", "writing",
  "stopped", "failed", "retry", "offline", "copy", "copied", "good", "bad", "thanks",
  "why", "wrong", "incomplete", "misquoted", "outdated", "more",
  "partly", "unsupported", "partlyMeans", "unsupportedMeans", "support", "sources", "regenerate",
  "edit", "editing", "cancel", "explain", "notice",
] as const;

export type Words = Record<(typeof keys)[number], string>;

const languages: Record<string, string> = {
  en: `Ask the documents
Ask a question…
Send
Stop
Close
Open chat
New conversation
Delete this conversation
You asked
Source
page
Open document
Not in the documents
Closest documents
Searching the documents…
Writing…
Stopped.
The answer broke off.
Try again
You are offline.
Copy with sources
Copied
Good answer
Bad answer
Thank you
What was wrong?
Not correct
Incomplete
Wrong source
Out of date
Anything else?
Partly supported
Not supported
The passages back only part of this sentence.
Nothing in the passages backs this sentence.
support
Sources
Answer again
Edit the question
Editing your question
Cancel
Explain this answer
A machine writes the answers. Check their sources.`,
  de: `Die Dokumente fragen
Frage stellen…
Senden
Anhalten
Schließen
Chat öffnen
Neues Gespräch
Dieses Gespräch löschen
Deine Frage
Quelle
Seite
Dokument öffnen
Nicht in den Dokumenten
Nächstliegende Dokumente
Die Dokumente werden durchsucht…
Die Antwort entsteht…
Angehalten.
Die Antwort ist abgebrochen.
Noch einmal
Keine Verbindung.
Mit Quellen kopieren
Kopiert
Gute Antwort
Schlechte Antwort
Danke
Was war falsch?
Stimmt nicht
Unvollständig
Falsche Quelle
Veraltet
Noch etwas?
Teilweise belegt
Nicht belegt
Die Textstellen stützen diesen Satz nur zum Teil.
Nichts in den Textstellen stützt diesen Satz.
belegt
Quellen
Neu antworten
Frage ändern
Du änderst deine Frage
Abbrechen
Diese Antwort erklären
Eine Maschine schreibt die Antworten. Prüfe die Quellen.`,
  fr: `Interroger les documents
Posez une question…
Envoyer
Arrêter
Fermer
Ouvrir le chat
Nouvelle conversation
Supprimer cette conversation
Votre question
Source
page
Ouvrir le document
Absent des documents
Documents les plus proches
Recherche dans les documents…
Rédaction…
Arrêté.
La réponse s’est interrompue.
Réessayer
Vous êtes hors ligne.
Copier avec les sources
Copié
Bonne réponse
Mauvaise réponse
Merci
Qu’est-ce qui n’allait pas ?
Inexact
Incomplet
Mauvaise source
Périmé
Autre chose ?
Étayé en partie
Non étayé
Les passages n’étayent cette phrase qu’en partie.
Rien dans les passages n’étaye cette phrase.
étayé
Sources
Répondre à nouveau
Modifier la question
Modification de votre question
Annuler
Expliquer cette réponse
Une machine rédige les réponses. Vérifiez les sources.`,
  es: `Pregunta a los documentos
Haz una pregunta…
Enviar
Detener
Cerrar
Abrir el chat
Nueva conversación
Borrar esta conversación
Tu pregunta
Fuente
página
Abrir el documento
No está en los documentos
Documentos más cercanos
Buscando en los documentos…
Escribiendo…
Detenido.
La respuesta se interrumpió.
Reintentar
Sin conexión.
Copiar con las fuentes
Copiado
Buena respuesta
Mala respuesta
Gracias
¿Qué estaba mal?
No es correcto
Incompleto
Fuente equivocada
Desactualizado
¿Algo más?
Respaldado en parte
Sin respaldo
Los pasajes respaldan esta frase solo en parte.
Nada en los pasajes respalda esta frase.
respaldo
Fuentes
Responder otra vez
Editar la pregunta
Editando tu pregunta
Cancelar
Explicar esta respuesta
Una máquina escribe las respuestas. Comprueba las fuentes.`,
  it: `Chiedi ai documenti
Fai una domanda…
Invia
Ferma
Chiudi
Apri la chat
Nuova conversazione
Elimina questa conversazione
La tua domanda
Fonte
pagina
Apri il documento
Non è nei documenti
Documenti più vicini
Ricerca nei documenti…
Scrittura…
Fermato.
La risposta si è interrotta.
Riprova
Sei offline.
Copia con le fonti
Copiato
Buona risposta
Cattiva risposta
Grazie
Che cosa non andava?
Non corretto
Incompleto
Fonte sbagliata
Non aggiornato
Altro?
Sostenuto in parte
Non sostenuto
I passaggi sostengono questa frase solo in parte.
Nulla nei passaggi sostiene questa frase.
sostegno
Fonti
Rispondi di nuovo
Modifica la domanda
Stai modificando la domanda
Annulla
Spiega questa risposta
Una macchina scrive le risposte. Verifica le fonti.`,
  pt: `Pergunte aos documentos
Faça uma pergunta…
Enviar
Parar
Fechar
Abrir o chat
Nova conversa
Apagar esta conversa
A sua pergunta
Fonte
página
Abrir o documento
Não está nos documentos
Documentos mais próximos
A procurar nos documentos…
A escrever…
Parado.
A resposta foi interrompida.
Tentar de novo
Sem ligação.
Copiar com as fontes
Copiado
Boa resposta
Má resposta
Obrigado
O que estava errado?
Incorreto
Incompleto
Fonte errada
Desatualizado
Mais alguma coisa?
Apoiado em parte
Sem apoio
As passagens só apoiam esta frase em parte.
Nada nas passagens apoia esta frase.
apoio
Fontes
Responder de novo
Editar a pergunta
A editar a sua pergunta
Cancelar
Explicar esta resposta
Uma máquina escreve as respostas. Confirme as fontes.`,
  nl: `Vraag het de documenten
Stel een vraag…
Versturen
Stoppen
Sluiten
Chat openen
Nieuw gesprek
Dit gesprek verwijderen
Je vraag
Bron
pagina
Document openen
Niet in de documenten
Dichtstbijzijnde documenten
De documenten worden doorzocht…
Het antwoord wordt geschreven…
Gestopt.
Het antwoord is afgebroken.
Opnieuw proberen
Geen verbinding.
Kopiëren met bronnen
Gekopieerd
Goed antwoord
Slecht antwoord
Bedankt
Wat was er mis?
Klopt niet
Onvolledig
Verkeerde bron
Verouderd
Nog iets?
Deels onderbouwd
Niet onderbouwd
De passages onderbouwen deze zin maar deels.
Niets in de passages onderbouwt deze zin.
onderbouwd
Bronnen
Opnieuw antwoorden
Vraag wijzigen
Je wijzigt je vraag
Annuleren
Dit antwoord uitleggen
Een machine schrijft de antwoorden. Controleer de bronnen.`,
  pl: `Zapytaj dokumenty
Zadaj pytanie…
Wyślij
Zatrzymaj
Zamknij
Otwórz czat
Nowa rozmowa
Usuń tę rozmowę
Twoje pytanie
Źródło
strona
Otwórz dokument
Brak w dokumentach
Najbliższe dokumenty
Przeszukiwanie dokumentów…
Pisanie…
Zatrzymano.
Odpowiedź została przerwana.
Spróbuj ponownie
Brak połączenia.
Kopiuj ze źródłami
Skopiowano
Dobra odpowiedź
Zła odpowiedź
Dziękujemy
Co było nie tak?
Nieprawda
Niepełne
Złe źródło
Nieaktualne
Coś jeszcze?
Częściowo poparte
Bez poparcia
Fragmenty popierają to zdanie tylko częściowo.
Nic we fragmentach nie popiera tego zdania.
poparcie
Źródła
Odpowiedz ponownie
Zmień pytanie
Zmieniasz pytanie
Anuluj
Wyjaśnij tę odpowiedź
Odpowiedzi pisze maszyna. Sprawdź źródła.`,
  ja: `文書に質問する
質問を入力…
送信
停止
閉じる
チャットを開く
新しい会話
この会話を削除
あなたの質問
出典
ページ
文書を開く
文書にありません
近い文書
文書を検索しています…
回答を書いています…
停止しました。
回答が途切れました。
もう一度
オフラインです。
出典付きでコピー
コピーしました
良い回答
悪い回答
ありがとうございます
何が問題でしたか？
正しくない
不完全
出典が違う
古い
ほかには？
一部のみ裏付けあり
裏付けなし
引用箇所はこの文の一部しか裏付けていません。
引用箇所にこの文の裏付けはありません。
裏付け
出典
もう一度回答
質問を編集
質問を編集中
キャンセル
この回答の説明
回答は機械が書いています。出典を確認してください。`,
  ar: `اسأل المستندات
اطرح سؤالاً…
إرسال
إيقاف
إغلاق
فتح المحادثة
محادثة جديدة
حذف هذه المحادثة
سؤالك
المصدر
صفحة
فتح المستند
غير موجود في المستندات
أقرب المستندات
جارٍ البحث في المستندات…
جارٍ الكتابة…
تم الإيقاف.
انقطعت الإجابة.
حاول مجدداً
لا يوجد اتصال.
نسخ مع المصادر
تم النسخ
إجابة جيدة
إجابة سيئة
شكراً
ما الخطأ؟
غير صحيح
غير مكتمل
مصدر خاطئ
قديم
أي شيء آخر؟
مدعوم جزئياً
غير مدعوم
تدعم المقاطع جزءاً من هذه الجملة فقط.
لا شيء في المقاطع يدعم هذه الجملة.
دعم
المصادر
أجب مجدداً
تعديل السؤال
تعدّل سؤالك
إلغاء
شرح هذه الإجابة
الإجابات تكتبها آلة. تحقق من المصادر.`,
};

const RIGHT_TO_LEFT = /^(ar|fa|he|ur)\b/i;

export const rightToLeft = (language: string): boolean => RIGHT_TO_LEFT.test(language);

export function wordsFor(language: string): Words {
  const phrases = (languages[language.slice(0, 2).toLowerCase()] ?? languages.en!).split("\n");
  return Object.fromEntries(keys.map((key, place) => [key, phrases[place]])) as Words;
}

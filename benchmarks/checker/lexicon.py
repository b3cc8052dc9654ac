"""Words that may stand for each other, words that may not, and words that turn a sentence round."""

SYNONYMS = """
discuss|talk about|debate; explain|describe|clarify|outline; mention|note|point out; suggest|propose|recommend;
say|state|remark; show|demonstrate|indicate|reveal; help|assist|aid; use|employ|utilize; need|require;
begin|start|commence; end|finish|conclude; buy|purchase|acquire; get|obtain|receive; give|provide|offer|supply;
make|create|produce; build|construct; choose|select|pick; change|modify|alter; keep|retain|maintain; ask|inquire;
answer|reply|respond; try|attempt; want|wish|desire; think|believe; allow|permit|let; stop|halt|cease;
ensure|guarantee|make sure; happen|occur|take place; increase|rise|grow|climb; decrease|decline|fall|drop;
improve|enhance; reduce|lower|cut; contain|include; form|constitute; emphasize|stress|highlight|underline;
express|voice|convey; consider|contemplate; examine|study|investigate|look into; find|discover|identify;
fix|repair; join|connect; send|deliver; gather|collect; announce|declare; claim|assert|maintain; live|reside;
die|pass away; kill|slay; hurt|injure; win|gain; lead|head; manage|run|oversee; launch|introduce; call|contact;
agree|concur; demand|insist on; prevent|avert|avoid; remain|stay; appear|seem; decide|determine; expect|anticipate;
evaluate|assess; estimate|gauge; confirm|verify; check|inspect; compare|contrast; support|back; oppose|resist;
big|large|sizeable; small|little|tiny; quick|fast|rapid|swift; important|significant|crucial|key; famous|well-known|renowned;
main|primary|principal|chief; whole|entire|complete; many|numerous|lots of; several|a number of|various; often|frequently;
about|around|approximately|roughly; usually|typically|generally|normally; quickly|rapidly; because|since|as; but|yet;
however|nevertheless|nonetheless; although|though|even though; also|too|as well|additionally; almost|nearly; enough|sufficient;
difficult|hard|challenging; easy|simple|straightforward; new|novel|recent; old|ancient; clear|evident|obvious;
different|distinct|dissimilar; similar|alike|comparable; correct|right|accurate; wrong|incorrect|mistaken; rich|wealthy;
dangerous|hazardous|risky; strange|odd|unusual; happy|glad|pleased; sad|unhappy; angry|furious; beautiful|lovely;
company|firm|business; employee|worker|staff member; job|position|role; person|individual; people|individuals|persons;
child|kid; doctor|physician; lawyer|attorney; car|automobile|vehicle; house|home; film|movie; picture|image|photo;
problem|issue|difficulty; idea|notion|concept; plan|scheme|strategy; goal|aim|objective|target; method|approach|technique;
result|outcome|finding; reason|cause|motive; part|portion|section; place|location|site; area|region|zone; country|nation;
town|city; road|street; border|frontier; war|conflict; fight|battle; attack|assault; money|funds|cash; cost|price|expense;
profit|gain|earnings; salary|pay|wages; customer|client; meeting|session|gathering; talk|conversation|discussion;
agreement|deal|accord; rule|regulation; law|statute; error|mistake|bug; test|trial; task|duty|assignment; benefit|advantage;
drawback|disadvantage|downside; chance|opportunity; rise|increase|growth; decrease|decline|reduction; start|beginning|outset;
team|group|crew; leader|head|chief; member|participant; author|writer; book|volume; story|tale|account; song|track;
kind|type|sort; amount|quantity; number|count; piece|bit|fragment; size|extent; speed|pace|rate; feature|characteristic;
document|file|record; information|data|details; device|gadget|machine; tool|instrument; website|site|page; software|program;
illness|disease|sickness; medicine|drug|medication; patient|sufferer; treatment|therapy; injury|wound; symptom|sign;
various|diverse; entirely|fully|completely|wholly; mostly|mainly|largely|primarily; approximately|roughly|about;
annual|yearly; daily|everyday; currently|at present|now; previously|formerly|earlier; subsequently|afterwards|later;
immediately|at once|right away; eventually|finally|in the end; together|jointly; alone|by itself; within|inside;
despite|in spite of; due to|because of|owing to; in order to|so as to; such as|like; prior to|before|ahead of; regarding|concerning|about;
"""
"""Groups of words with one meaning, in their base form."""

ANTONYMS = """
increase|decrease; rise|fall; grow|shrink; more|less; most|least; high|low; higher|lower; highest|lowest; large|small;
larger|smaller; largest|smallest; big|little; bigger|smaller; long|short; longer|shorter; early|late; earlier|later; first|last;
before|after; old|new; older|younger; oldest|youngest; strong|weak; stronger|weaker; good|bad; better|worse; best|worst;
win|lose; accept|reject; allow|forbid; permit|prohibit; include|exclude; begin|end; start|stop; open|close; always|never;
often|rarely; frequently|seldom; usually|rarely; mandatory|optional; required|optional; internal|external; public|private;
positive|negative; agree|disagree; success|failure; easy|difficult; simple|complex; cheap|expensive; many|few; enable|disable;
approve|reject; add|remove; complete|incomplete; possible|impossible; buy|sell; support|oppose; import|export; gain|loss;
success|failure; successful|unsuccessful; encourage|discourage; improve|worsen; safe|dangerous; fast|slow; quickly|slowly;
hot|cold; warm|cool; wet|dry; light|dark; heavy|light; thick|thin; wide|narrow; deep|shallow; near|far; above|below; over|under;
inside|outside; north|south; northern|southern; east|west; eastern|western; left|right; top|bottom; upper|lower; front|back;
male|female; man|woman; men|women; father|mother; son|daughter; husband|wife; brother|sister; king|queen; boy|girl;
friend|enemy; victory|defeat; peace|war; love|hate; praise|criticise; praised|criticised; popular|unpopular; happy|unhappy;
satisfied|dissatisfied; optimistic|pessimistic; confident|doubtful; certain|uncertain; clear|unclear; common|rare; known|unknown;
major|minor; maximum|minimum; majority|minority; both|neither; all|none; everyone|no one; everything|nothing; with|without;
present|absent; presence|absence; appear|disappear; arrive|depart; enter|leave; join|leave; create|destroy; build|demolish;
attack|defend; borrow|lend; remember|forget; pass|fail; push|pull; send|receive; lead|follow; employer|employee;
teacher|student; buyer|seller; doctor|patient; advantage|disadvantage; benefit|drawback; strength|weakness; profit|loss;
temporary|permanent; direct|indirect; legal|illegal; formal|informal; active|passive; rural|urban; domestic|foreign; local|global;
local|remote; manual|automatic; synchronous|asynchronous; static|dynamic; explicit|implicit; valid|invalid; true|false; same|different;
similar|different; equal|unequal; full|empty; alive|dead; single|married; rich|poor; raise|lower; reduce|increase; expand|contract;
accelerate|slow; extend|shorten; hire|fire; ascend|descend; guilty|innocent; deny|confirm; denied|confirmed; ahead|behind;
"""
"""Pairs that contradict each other when one takes the other's place."""

MODALS = {
    "must": ("may", "need not", "cannot"), "may": ("must", "may not"), "can": ("cannot", "must"), "cannot": ("can",),
    "should": ("should not", "must"), "will": ("will not", "may"), "would": ("would not",), "might": ("will",),
    "could": ("could not", "must"), "is": ("is not",), "are": ("are not",), "was": ("was not",), "were": ("were not",),
    "has": ("has not",), "have": ("have not",), "had": ("had not",), "does": ("does not",), "did": ("did not",),
    "all": ("some", "none of the", "only a few"), "every": ("no", "not every"), "only": ("not only",), "always": ("never", "sometimes"),
    "never": ("always", "often"), "no": ("every", "some"), "some": ("all", "no"), "most": ("few",), "many": ("few",),
    "none": ("all",), "both": ("neither",), "at least": ("at most", "less than"), "at most": ("at least",),
    "more than": ("less than", "exactly"), "less than": ("more than",), "up to": ("at least",), "until": ("after",),
    "if": ("even if",), "unless": ("if",), "without": ("with",), "not": ("",), "before": ("after",), "after": ("before",),
}  # fmt: skip
"""What turns a statement round or makes it firmer or looser than it was."""

UNITS = (
    ("second", "minute", "hour", "day", "week", "month", "year", "decade", "century"),
    ("thousand", "million", "billion", "trillion"),
    ("percent", "dollars", "euros", "pounds"),
    ("metres", "kilometres", "miles", "feet", "inches"), ("meters", "kilometers", "yards", "centimeters"),
    ("kilograms", "grams", "tons", "milligrams"), ("KB", "MB", "GB", "TB"),
    ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    ("January", "February", "March", "April", "June", "July", "August", "September", "October", "November", "December"),
    ("first", "second", "third", "fourth", "fifth"), ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    ("spring", "summer", "autumn", "winter"), ("daily", "weekly", "monthly", "quarterly", "annually"), ("morning", "afternoon", "evening"),
)  # fmt: skip
"""Words of one kind, each of which excludes the others."""


def groups(table: str) -> list[tuple[str, ...]]:
    """Read one of the tables above."""
    rows = (row.strip() for row in table.replace("\n", " ").split(";"))
    return [tuple(part.strip() for part in row.split("|")) for row in rows if row]


def forms(word: str, other: str) -> list[tuple[str, str]]:
    """Return pairs of the two words in the same inflection: as they are, plural or third person, past, -ing."""
    first, _, rest = other.partition(" ")
    tail = f" {rest}" if rest else ""
    pairs = [(word, other)]
    if word.isalpha() and word.islower() and len(word) > 2:
        pairs += [(end(word), end(first) + tail) for end in (_third, _past, _ing)]
    return pairs


def _third(word: str) -> str:
    if word.endswith("y") and word[-2] not in "aeiou":
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("s", "x", "ch", "sh")) else "s")


def _past(word: str) -> str:
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word.endswith("e"):
        return word + "d"
    if word.endswith("y") and word[-2] not in "aeiou":
        return word[:-1] + "ied"
    return (word + word[-1] if word in _DOUBLING else word) + "ed"


def _ing(word: str) -> str:
    if word.endswith("e") and not word.endswith("ee"):
        return word[:-1] + "ing"
    return (
        word + word[-1] if word in _DOUBLING | {"get", "begin", "cut", "let", "run", "win", "put"} else word
    ) + "ing"


_DOUBLING = frozenset({"stop", "drop", "permit", "occur", "plan", "submit", "refer"})
_IRREGULAR = {
    "say": "said", "show": "showed", "begin": "began", "buy": "bought", "get": "got", "give": "gave", "make": "made",
    "build": "built", "choose": "chose", "keep": "kept", "think": "thought", "let": "let", "take": "took", "rise": "rose",
    "grow": "grew", "fall": "fell", "cut": "cut", "find": "found", "send": "sent", "die": "died", "slay": "slew", "hurt": "hurt",
    "win": "won", "lead": "led", "run": "ran", "shrink": "shrank", "lose": "lost", "forbid": "forbade", "sell": "sold",
    "leave": "left", "fight": "fought", "teach": "taught", "lend": "lent", "forget": "forgot", "fly": "flew",
}  # fmt: skip

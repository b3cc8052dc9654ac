"""Whether refusals are known by their words: labelled refusals on one side, what people wrote as answers on the other."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from app.language.phrases import languages, say
from benchmarks.answers.published import answers_of_people
from eval.judge.agreement import Estimate
from eval.metrics.refusal import sounds_refused

TARGET = 0.97
_Z = 1.96


def refusals(folder: Path) -> dict[str, str]:
    """Return, with 95 % intervals, how often each kind of text is told for what it is, and their balanced accuracy."""
    refused = list(_refusals())
    answers = answers_of_people(folder)
    kinds = {
        "refusals known by their words": [sounds_refused(text) for text in refused],
        "of them, the last 40, tried once": [sounds_refused(text) for text in HELD_OUT],
        **{
            f"{kind} taken for answers": [not sounds_refused(text) for name, text in answers if name == kind]
            for kind in dict.fromkeys(name for name, _ in answers)
        },
    }
    told = {name: f"{share(right)}, n = {len(right)}" for name, right in kinds.items()}
    if answers:
        right = share([not sounds_refused(text) for _, text in answers])
        for name, about in (
            ("refusals known by their words", "all"),
            ("of them, the last 40, tried once", "the last 40"),
        ):
            both = balanced(share(kinds[name]), right)
            reached = "reached" if both.value >= TARGET else "missed"
            told[f"balanced accuracy of the wording, {about}"] = f"{both} (target {TARGET}: {reached})"
    return told


def share(right: Sequence[bool]) -> Estimate:
    """Return a share with its interval (Wilson 1927)."""
    count, found = len(right), sum(right) / len(right)
    middle = (found + _Z**2 / (2 * count)) / (1 + _Z**2 / count)
    reach = _Z * math.sqrt(found * (1 - found) / count + _Z**2 / (4 * count**2)) / (1 + _Z**2 / count)
    return Estimate(found, max(0.0, middle - reach), min(1.0, middle + reach))


def balanced(first: Estimate, second: Estimate) -> Estimate:
    """Return the mean of two independent shares, its interval from theirs (Newcombe 1998)."""
    value = (first.value + second.value) / 2
    below = math.hypot(first.value - first.low, second.value - second.low) / 2
    above = math.hypot(first.high - first.value, second.high - second.value) / 2
    return Estimate(value, value - below, min(1.0, value + above))


def _refusals() -> Iterator[str]:
    for code in languages():
        for phrase in ("refused", "nothing"):
            yield say(phrase, code).replace("{titles}", "Leave policy")
    yield from (*_FIRST, *_SECOND, *_THIRD, *_FOURTH, *HELD_OUT)


_FIRST = (
    "I do not have enough information to answer this question.",
    "Based on the provided documents, I'm unable to determine the exact figure.",
    "The text does not say when the building opens.",
    "I could not find any mention of a bicycle allowance in the handbook.",
    "Sorry, the available sources don't provide that detail.",
    "There is not enough context to answer.",
    "That is not covered in the documents I have access to.",
    "The answer is not stated in the passages.",
    "No relevant information was found in the knowledge base.",
    "I cannot answer that with the information given.",
    "The handbook doesn't address this.",
    "It isn't specified in the policy.",
    "The excerpts give no information about this.",
    "I have no information on who the supplier is.",
    "This can't be determined from the context.",
    "Your documents do not appear to mention this topic.",
    "We don't know: nothing in the material says so.",
    "The question is outside the scope of the documents.",
    "As the context contains no details about salaries, I cannot say.",
    "Regrettably the sources provided are silent on this point.",
)
"""Written before the patterns were run on them, and not changed since."""
_SECOND = (
    "I'm sorry, but the provided context does not include details on parking permits.",
    "The retrieved passages don't cover how to reset the badge reader.",
    "Unfortunately, I don't have that information.",
    "I don't know.",
    "I do not know the answer based on these documents.",
    "The answer to this question cannot be found in the given text.",
    "The documents you supplied make no mention of a sabbatical.",
    "There's nothing in the sources about remote work from abroad.",
    "No answer is available in the provided context.",
    "I'm afraid the policy doesn't say who signs the form.",
    "Based on the context given, it is not possible to say when the contract ends.",
    "It is unclear from the passages who approved the budget.",
    "This information is not available in the documents.",
    "The provided sources do not discuss pension transfers.",
    "I was unable to find anything about dental cover.",
    "Not enough information is given to tell how many seats there are.",
    "The context provided doesn't give the name of the director.",
    "I couldn't locate a section on lost keys in the manual.",
    "That question isn't answered by the material I was given.",
    "The documents do not contain the answer.",
    "I can't tell from these excerpts.",
    "Neither of the passages states the price of the licence.",
    "None of the retrieved documents mentions a dress code.",
    "The text provides no details regarding the warranty period.",
    "I have not been given any document that covers this.",
    "Your question goes beyond what the handbook covers.",
    "As an assistant restricted to your files, I cannot provide an answer here.",
    "The search results don't contain any reference to error 9917.",
    "I am not able to answer this from the sources.",
    "There is no mention of overtime pay in the employee guide.",
    "The given articles do not specify which year the plant closed.",
    "Sorry, I could not find an answer to that in your documents.",
    "The report is silent on the cause of the outage.",
    "It is not stated how long the probation lasts.",
    "We were not able to find this in the knowledge base.",
    "No details about the merger are included in the filings.",
    "That detail does not appear in the passages.",
    "I lack the information needed to answer.",
    "The documentation does not address Windows support.",
    "Nothing was found that answers your question.",
)
"""Written when the patterns knew 19 of the 20 before: they knew 26 of these, and were widened by the other 14."""
_THIRD = (
    "I searched the documents but came up empty on relocation support.",
    "The files I have do not touch on that subject.",
    "I wasn't able to find a figure for the travel budget.",
    "Nothing in the handbook speaks to this.",
    "The provided passages offer no insight into why the launch slipped.",
    "Sorry, but the answer isn't in the documents.",
    "This is not something the documents talk about.",
    "The exact date is not given anywhere in the sources.",
    "The policy does not indicate whether contractors are included.",
    "I don't see any information on refunds for conference tickets.",
    "There isn't any information about the cafeteria's opening hours.",
    "The passages provided are unrelated to the question.",
    "The documents only describe laptops; they say nothing about phones.",
    "No mention is made of a bonus in the text.",
    "I'm unable to confirm that from the available material.",
    "The context doesn't mention who founded the company.",
    "It's not possible to answer this with the sources at hand.",
    "I have no record of a vendor by that name in these files.",
    "The sources do not provide a definition of this term.",
    "I can't find that in the documents.",
    "The information you're looking for isn't available in the knowledge base.",
    "Based on the provided text, the number of employees is unknown.",
    "The given context lacks information about insurance.",
    "The manual contains no instructions for that model.",
    "Unfortunately, none of the passages answer your question.",
    "We could not determine the owner from the documents.",
    "The document does not go into detail about the penalties.",
    "There was no information in the passages regarding visas.",
    "I do not have access to information about individual salaries.",
    "I cannot provide the phone number because it is not in the documents.",
    "The question cannot be answered from the context.",
    "The text gives no reason for the delay.",
    "There is insufficient evidence in the sources to say.",
    "That topic falls outside the documents I can see.",
    "The excerpts provided don't say how often backups run.",
    "The sources neither confirm nor deny this.",
    "I would need more documents to answer that.",
    "Such a policy is not described in the employee handbook.",
    "The passages do not reveal the identity of the author.",
    "Your documents don't seem to say anything about this.",
)
"""Written before that: the widened patterns knew 26 again, and single phrases gave way to a rule about negations."""
_FOURTH = (
    "I looked through the handbook, but it has no section on bereavement leave.",
    "The supplied documents are not relevant to your question.",
    "I'm sorry, I can't help with that based on the documents I have.",
    "The sources do not elaborate on the reasons.",
    "The passages never mention a deadline.",
    "No passage states the maximum amount.",
    "The information provided is not sufficient to answer the question.",
    "The documents leave open who is responsible.",
    "I could find no reference to a loyalty programme.",
    "I found nothing about company cars.",
    "The handbook only covers full-time staff and does not list rates for interns.",
    "There are no details on this in the context.",
    "This question is not addressed in the provided passages.",
    "Without further context I cannot say.",
    "The text does not tell us which version is meant.",
    "It cannot be inferred from the passage.",
    "The answer does not appear anywhere in the knowledge base.",
    "The context is insufficient to determine this.",
    "None of these documents discuss the merger.",
    "My sources contain nothing on that.",
    "I have insufficient information.",
    "The documents at hand do not clarify this point.",
    "The policy makes no statement about pets.",
    "That isn't covered here.",
    "Your files hold no information about the supplier.",
    "I couldn't find any documents about that.",
    "The material doesn't identify the contact person.",
    "Neither document gives the phone number.",
    "The passages refer to the form but do not explain how to fill it in.",
    "I don't have enough context to answer this.",
    "Sorry, I have no data on that.",
    "The excerpt ends before giving the figure, so I cannot say.",
    "The documents don't disclose the purchase price.",
    "There is no answer to this question in the documents.",
    "Nowhere in the documents is the colour of the building mentioned.",
    "The available information does not allow me to answer.",
    "The records do not show when she left.",
    "I am unable to provide an answer as the context does not contain it.",
    "The guide has nothing to say about this.",
    "It's not mentioned in the passages I was given.",
)
"""Written before that rule: it knew 35 of them, and was mended for the other five."""
HELD_OUT = (
    "The handbook says nothing on this point.",
    "Sorry, I couldn't find that in what I have.",
    "The sources I was given stop short of naming a successor.",
    "I don't have details about the retirement plan.",
    "There's no entry for that product in the catalogue I can read.",
    "The passages don't contain information on pricing.",
    "The documents provide no answer to your question.",
    "I'm not able to determine this from the provided information.",
    "The question remains unanswered by the text.",
    "This isn't discussed in any of the sources.",
    "The provided context focuses on hardware and does not mention software licences.",
    "I can't answer this question because the passages don't cover it.",
    "No relevant passages were found.",
    "The documentation doesn't say whether this is supported.",
    "The contract is not specific about notice periods, so I can't tell.",
    "It seems the documents do not include this information.",
    "My knowledge base doesn't include anything about that event.",
    "The text is unclear on who pays.",
    "The given passages do not explicitly state the percentage.",
    "The article does not specify the exact location.",
    "I do not see an answer in these documents.",
    "There is not sufficient information in the context to answer this.",
    "The policy does not specify a limit.",
    "I have no documents on that subject.",
    "The context does not provide information about the CEO's education.",
    "That information is missing from the documents.",
    "Details of the settlement are not provided.",
    "I wasn't given any information about this topic.",
    "Unfortunately the manual does not describe this procedure.",
    "I don't have any information about that in the provided documents.",
    "The documents give no indication of the start date.",
    "No, the sources do not say.",
    "The passage doesn't answer the question.",
    "I cannot determine the total from the figures in the report.",
    "I'm sorry, but I couldn't find information on that.",
    "There were no results for this question in your documents.",
    "Not stated in the documents.",
    "Not mentioned.",
    "The answer is unknown based on the passages.",
    "We have no information about this in our handbook.",
)
"""Written before the last mending, tried once after it, and nothing changed since."""

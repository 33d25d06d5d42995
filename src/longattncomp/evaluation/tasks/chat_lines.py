"""what people tell each other in a made-up chat: facts, questions about them, and small talk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FactKind:
    """A kind of fact that someone tells of themselves.

    Attributes:
        query: the question with `{name}`, in other words than the lines.
        lines: how it may be told, with `{value}`.
        nearby: what others say about the matter, with `{name}`, in words of the question and without the answer.
        values: at least one for each person.
    """

    query: str
    lines: tuple[str, ...]
    nearby: str
    values: tuple[str, ...]


def _values(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(","))


PEOPLE: Sequence[str] = _values("Amara, Bruno, Chen, Dalia, Emeka, Frida, Goran, Hana, Idris, Jonna")

KINDS: Sequence[FactKind] = (
    FactKind(
        "What is the new dog of {name} called?",
        ("The puppy answers to {value} by now, it took us a week.", "We shouted {value} across the park, she came!"),
        "{name}, bring the new dog along on Sunday, everybody wants to see it.",
        _values("Biscuit, Pepper, Mango, Waffle, Luna, Ziggy, Otto, Clover, Pickle, Nugget, Maple, Rufus"),
    ),
    FactKind(
        "Where does {name} go on holiday?",
        ("Flights are booked, two weeks in {value} with nothing but a towel.", "My suitcase for {value} is packed."),
        "A holiday would do {name} good, wherever one may go.",
        _values("Lisbon, Tallinn, Crete, Oslo, Naples, Zanzibar, Kyoto, Quebec, Malta, Tbilisi, Porto, Bergen"),
    ),
    FactKind(
        "Which instrument does {name} learn to play?",
        ("Second lesson on the {value} today, my neighbours have moved out.", "My fingers hurt from the {value}."),
        "Does {name} still play that instrument of last year?",
        _values("cello, trumpet, accordion, banjo, oboe, harp, clarinet, ukulele, trombone, viola, flute, tuba"),
    ),
    FactKind(
        "Which food must {name} never eat?",
        ("One crumb of {value} and I am in hospital again.", "My throat closes at the mere smell of {value}."),
        "Let us ask {name} what food to bring, there is never enough to eat.",
        _values("hazelnuts, sesame, celery, shrimp, peaches, mustard, soy, lupin, kiwi, walnuts, eggs, rye"),
    ),
    FactKind(
        "What has {name} lost on public transport?",
        ("My {value} is still on the night bus, I am such an idiot.", "Got off the tram without my {value}. Great."),
        "Public transport is a mess today, {name} has lost an hour.",
        _values(
            "umbrella, scarf, violin case, left glove, tablet, thermos, badge, diary, raincoat, gym bag, guitar, wallet"
        ),
    ),
    FactKind(
        "Who is going to be the new boss of {name}?",
        ("From next month I report to {value}, the others are jealous.", "They put me under {value} as of June."),
        "I hear that {name} has trouble with the boss.",
        _values(
            "Ms Okafor, Mr Lindqvist, Ms Petrova, Mr Haddad, Ms Tanaka, Mr Moreau, Ms Silva, Mr Novak, Ms Byrne, "
            "Mr Rossi, Ms Yilmaz, Mr Keller"
        ),
    ),
    FactKind(
        "Which body part has {name} injured?",
        ("No football for me, I slipped on the stairs and now the {value} is blue.", "An X-ray of my {value}. Again."),
        "Is it true that {name} was injured when the match ended?",
        _values(
            "left ankle, right wrist, left knee, collarbone, big toe, right elbow, left thumb, lower back, hip, "
            "left shoulder, jaw, right heel"
        ),
    ),
    FactKind(
        "What present did {name} choose for an older relative?",
        (
            "Grandpa turns eighty and gets {value} from me, do not tell.",
            "For my great-aunt I wrapped {value}, finally.",
        ),
        "I need a present as well, {name}, did you choose yours yet?",
        _values(
            "a chess clock, a bird feeder, a wool blanket, a crystal radio, a tea chest, an atlas, a bread knife, "
            "a sundial, a magnifying glass, a rocking chair, a barometer, a photo album"
        ),
    ),
    FactKind(
        "How much does {name} pay for the apartment?",
        ("The landlord wants {value} euros from August on, can you believe it.", "Rent went up to {value} euros here."),
        "{name}, how is the apartment, does it pay to live that far out?",
        _values("845, 910, 1020, 1135, 760, 1290, 985, 1410, 870, 1075, 1180, 935"),
    ),
    FactKind(
        "What colour is the car that {name} has hired?",
        (
            "At the rental desk they handed me something {value}, you will see me from afar.",
            "I drive {value} till Monday.",
        ),
        "Who has hired the car, {name} or somebody else?",
        _values(
            "turquoise, lime green, beige, orange, purple, silver, mustard yellow, pink, burgundy, teal, ivory, bronze"
        ),
    ),
    FactKind(
        "To which city does a sibling of {name} move?",
        (
            "My sister signed for a job in {value}, we carry boxes in autumn.",
            "My brother leaves us for {value}, sniff.",
        ),
        "{name} could move to another city any day.",
        _values("Gdansk, Leeds, Ghent, Izmir, Malaga, Aarhus, Turin, Lyon, Cork, Graz, Split, Utrecht"),
    ),
    FactKind(
        "When does {name} have to see the dentist?",
        ("They drill on {value}, so start the call without me.", "A crown on {value}, wish me luck and no pain."),
        "A good dentist is hard to find, {name} has to see one as well.",
        _values(
            "Monday at 8:15, Tuesday at 9:40, Wednesday at 13:30, Thursday at 16:10, Friday at 7:50, "
            "Monday at 17:20, Tuesday at 11:05, Wednesday at 10:25, Thursday at 14:45, Friday at 12:35, "
            "Monday at 15:55, Tuesday at 18:00"
        ),
    ),
    FactKind(
        "Which ingredient makes the soup of {name} special?",
        (
            "My aunt would kill me, but it is the {value} at the end that does it.",
            "Never leave out the {value}, trust me.",
        ),
        "The soup of {name} was special, every ingredient was fresh.",
        _values(
            "nutmeg, fennel, miso, saffron, dill, cardamom, lime peel, smoked salt, tarragon, ginger, anise, sumac"
        ),
    ),
    FactKind(
        "What does {name} want to study?",
        (
            "The university took me, {value} it is, three years of library.",
            "I sent in the form for {value}, no way back.",
        ),
        "What did {name} want from the people at the study desk?",
        _values(
            "geology, linguistics, statistics, botany, theology, forestry, optics, archaeology, nursing, economics, "
            "astronomy, philosophy"
        ),
    ),
)

OPENINGS: Sequence[str] = (
    "",
    "Honestly, ",
    "By the way, ",
    "No idea, but ",
    "You know, ",
    "As always, ",
    "Sorry, ",
    "Ha, ",
    "Right, ",
    "Well, ",
    "Just saying, ",
    "I swear, ",
)
MIDDLES: Sequence[str] = (
    "the {thing} in the {place} is still broken",
    "somebody left a {thing} in the {place}",
    "I spent the whole morning in the {place}",
    "we could meet in the {place} for once",
    "there is a queue in front of the {place} again",
    "they are painting the {place}",
    "I cannot find my {thing}",
    "the {thing} was cheaper last week",
    "I will pass by the {place} later",
    "nobody has cleaned the {place} since Friday",
    "the {place} closes early today",
    "I would swap my {thing} for a coffee",
    "my neighbour has bought a second {thing}",
    "it smells of rain in the {place}",
    "the {thing} from the {place} was not that bad",
    "I have seen that {thing} before",
    "we should talk about the {thing} tomorrow",
    "the man from the {place} waved at me",
    "it is too hot for the {place}",
    "I dreamed of a {thing} last night",
)
ENDINGS: Sequence[str] = (
    ".",
    ", as usual.",
    ", can you believe it?",
    ", so what.",
    " again.",
    ", never mind.",
    ", at least for now.",
    ", or am I wrong?",
    ", which is fine with me.",
    ". Talk later!",
    ". Anyway.",
    ", I think.",
)
THINGS: Sequence[str] = _values(
    "ladder, printer, teapot, bicycle, sofa, lamp, heater, tent, kettle, mirror, curtain, shelf, camera, blender, rug, "
    "calendar, candle, fan, suitcase, drill"
)
PLACES: Sequence[str] = _values(
    "kitchen, library, station, market, garden, office, bakery, gym, harbour, museum, garage, post office, cinema, "
    "playground, pharmacy, cellar, canteen, town hall, swimming pool, car park"
)

"""Open relations: what may be said of any part of anything, in many words. For the corpus alone.

The facts of :mod:`squadron.pocket.facts` are a closed list; a reader who has met nothing else learns their sentences by
heart. Here a relation (who built it, when it was closed, why it was lost) is told of a part of an entity ("its old
clock", "the northern gate of the museum"), drawn from thousands. What is asked can then be found only by reading: the
question's part must be met again in the text, and its verb or a word that means the same. A paragraph has several
relations of one part and one relation of several parts, so that neither alone is enough.

The format of a block is that of :mod:`squadron.pocket.tables`; ``{x}`` is the part, a noun phrase in the singular.
"""

from __future__ import annotations

from dataclasses import replace

from squadron.pocket.dice import Dice
from squadron.pocket.facts import KINDS
from squadron.pocket.names import words
from squadron.pocket.relations.people import PEOPLE
from squadron.pocket.relations.places import PLACES
from squadron.pocket.relations.things import THINGS
from squadron.pocket.relations.times import TIMES
from squadron.pocket.tables import Fact, Kind, Spec, person

_QUALITIES = words(
    "old new first second last great small large northern southern eastern western inner outer upper lower main "
    "former wooden iron stone glass red blue green white black golden silver round square tall narrow broad deep "
    "heavy famous secret private public winter summer spare second-hand original royal painted carved broken double"
)
_PARTS = words(
    "gate door window roof cellar tower stair hall kitchen library garden fountain chapel archive workshop office "
    "café stable well wall fence bell clock organ piano portrait statue map flag seal song banner ladder crane pump "
    "boiler furnace lamp mirror carpet curtain bench table desk cupboard chest safe chair bed bath stove chimney "
    "attic balcony terrace courtyard orchard pond boathouse jetty cabin shed barn mill oven bakery laundry hospital "
    "prison school museum station depot warehouse market shop hotel inn tavern theatre cinema printing-press "
    "darkroom laboratory observatory telescope microscope compass lantern signal mast sail anchor rudder sledge "
    "tent wagon carriage bicycle lorry tram engine dynamo windmill water-wheel lock sluice dam weir ferry raft "
    "lifeboat harbour quay lighthouse path avenue arch vault dome pillar altar pulpit crypt tomb monument plaque "
    "inscription fresco mosaic tapestry manuscript diary letter ledger register catalogue almanac prize medal cup "
    "crown sword cannon drum trumpet"
)
_ROLES = words(
    "treasurer secretary gardener cook porter caretaker librarian doctor nurse lawyer banker engineer architect "
    "surveyor painter sculptor printer publisher translator critic patron guide guard watchman driver pilot steward "
    "carpenter blacksmith baker brewer butcher tailor cobbler weaver potter glazier mason clockmaker organist "
    "conductor trumpeter chronicler historian archivist teacher inspector auditor agent partner rival heir tenant "
    "landlord neighbour spokesman chaplain midwife chemist botanist astronomer"
)

SENSES: tuple[tuple[str, Spec, str], ...] = (*PEOPLE, *TIMES, *PLACES, *THINGS)

_ROLE_BLOCK = """
    {v} is the {role} of {name}.
    {v} was the {role} of {name} for years.
    {its} {role} is {v}.
    The {role} of {name} is called {v}.
    {it} has {v} as its {role}.
    As {role} of {name}, {v} was never late.
    {v} served {name} as {role}.
    Who is the {role} of {name}?
    Who was the {role} of {name} for years?
    Who is {name_s} {role}?
    What is the name of the {role} of {name}?
    Whom does {name} have as its {role}?
    Who served {name} as {role}?
    Who worked for {name} as {role}?
"""

_ASIDES = {
    "person": (
        "The poet {person} once slept here.",
        "Nobody listened to {person}, who had warned of it.",
        "The first photograph was taken by {person}.",
        "A cousin of {person} was blamed for the noise.",
    ),
    "time": (
        "There was a hard frost in {year}.",
        "A comet was seen in {later}.",
        "In {later} the street was paved.",
        "The last wolf was shot in {year}.",
    ),
    "place": (
        "A coach from {place} stops here twice a day.",
        "People from {place} speak with another accent.",
        "The road to {place} is full of holes.",
    ),
    "number": (
        "There are {count} cats in the street.",
        "A list of {large} complaints was handed in.",
        "The nearest tree is {large} years old.",
    ),
    "goods": ("A pedlar offered {goods}.", "The attic next door is full of {goods}."),
    "material": ("The pavement is of {material}.", "A block of {material} lies beside the road."),
    "colours": ("The postman's cap is {colours}.", "A kite of {colours} hangs in the elm."),
    "cargo": ("A barge with {cargo} passes in the morning.", "The grocer also sells {cargo}."),
    "weekday": ("The post comes on {weekday}.", "A choir practises every {weekday}."),
    "month": ("The swallows arrive in {month}.", "There is always fog in {month}."),
    "reason": (
        "A second attempt failed because {reason}.",
        "The road was never finished, as {reason}.",
        "A rival plan was dropped because {reason}.",
    ),
}


def open_kind(dice: Dice) -> Kind:
    """A kind of entity as it stands in the tables, but with facts of its own drawn from the open relations."""
    kind = dice.pick(KINDS)
    parts = [f"{dice.pick(_QUALITIES)} {part}" if dice.chance(60) else part for part in dice.shuffled(_PARTS)[:3]]
    facts = [_fact(dice, part, sense) for part in parts for sense in dice.shuffled(SENSES)[:3]]
    sense = dice.pick(SENSES)
    facts += [_fact(dice, part, sense) for part in parts if f"{part} {sense[0]}" not in {fact.key for fact in facts}]
    for role in dice.shuffled(_ROLES)[: dice.below(4)]:
        facts.append(Fact(f"{role} role", person(), role.capitalize(), _ROLE_BLOCK.replace("{role}", role)))
    return replace(kind, facts=tuple(dice.shuffled(facts)), asides=_ASIDES)


def _fact(dice: Dice, part: str, sense: tuple[str, Spec, str]) -> Fact:
    """One relation of one part, which a statement may call by the entity's pronoun and a question never does."""
    key, spec, block = sense
    lines = []
    for line in block.strip().splitlines():
        of = dice.chance(50)
        whose = ("{name_s} " if line.strip().endswith("?") else "{its} ") + part
        lines.append(line.replace("{x}", f"the {part} of {{name}}" if of else whose))
    return Fact(f"{part} {key}", spec, f"{part.capitalize()} ({key.replace('_', ' ')})", "\n".join(lines))

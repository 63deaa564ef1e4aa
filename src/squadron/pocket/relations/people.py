"""Relations whose answer is a person."""

from __future__ import annotations

from squadron.pocket.tables import Spec, person

PEOPLE: tuple[tuple[str, Spec, str], ...] = (
    (
        "built",
        person(),
        """
        {x} was built by {v}.
        {v} built {x} with two helpers.
        {v} put up {x} in a single summer.
        {x} was erected by {v}.
        {x} was made by {v}, who never signed it.
        {x} is the work of {v}.
        {v} directed the construction of {x}.
        The construction of {x} was in the hands of {v}.
        The hands that set {x} up were those of {v}.
        {x} was the brainchild of {v}.
        Who built {x}?
        Who put up {x}?
        By whom was {x} erected?
        Who made {x}?
        Whose work is {x}?
        Under whom did the construction of {x} go on?
        Whose hands held the construction of {x}?
        Who set {x} up?
        Of whom was {x} the brainchild?
    """,
    ),
    (
        "designed",
        person(),
        """
        {x} was designed by {v}.
        {v} drew the plans for {x}.
        The plans for {x} were drawn up by {v}.
        {v} planned {x} down to the last screw.
        The idea for {x} came from {v}.
        {v} thought out {x} on a long journey.
        The blueprints of {x} bear the name of {v}.
        {v} calculated every part of {x}.
        {x} was conceived by {v}.
        {x} was devised by {v}.
        Who designed {x}?
        Who drew the plans for {x}?
        By whom were the plans for {x} drawn up?
        Who planned {x}?
        From whom did the idea for {x} come?
        Who thought out {x}?
        Whose name is on the blueprints of {x}?
        Who calculated {x}?
        By whom was {x} conceived?
        Who devised {x}?
    """,
    ),
    (
        "led",
        person(),
        """
        {x} is run by {v}.
        {v} is in charge of {x}.
        {v} manages {x}.
        {x} is under the direction of {v}.
        At the head of {x} is {v}.
        {v} is responsible for {x}.
        {v} looks after {x}.
        {v} is entrusted with the care of {x}.
        {v} has the keys of {x}.
        {v} presides over {x}.
        {v} was chosen to preside over {x}.
        Who runs {x}?
        Who is in charge of {x}?
        By whom is {x} managed?
        Under whose direction does {x} stand?
        Who is at the head of {x}?
        Who is responsible for {x}?
        Who looks after {x}?
        Who is entrusted with the care of {x}?
        Who has the keys of {x}?
        Who presides over {x}?
        Who was chosen to preside over {x}?
    """,
    ),
    (
        "owned",
        person(),
        """
        {x} belongs to {v}.
        {v} owns {x}.
        {x} is the property of {v}.
        The owner of {x} is {v}.
        {x} is in the possession of {v}.
        {v} has the deeds of {x}.
        {x} came into the hands of {v}.
        To whom does {x} belong?
        Who owns {x}?
        Whose property is {x}?
        Who is the owner of {x}?
        In whose possession is {x}?
        Who has the deeds of {x}?
        Into whose hands did {x} come?
    """,
    ),
    (
        "paid",
        person(),
        """
        {v} paid for {x}.
        The money for {x} came from {v}.
        {x} was a gift of {v}.
        {x} was donated by {v}.
        {v} made {x} possible with a gift.
        {x} is a legacy that {v} left.
        {v} left {x} in a will.
        The cost of {x} was borne by {v}.
        Who paid for {x}?
        From whom did the money for {x} come?
        Whose gift was {x}?
        By whom was {x} donated?
        Who made {x} possible with a gift?
        Of whom is {x} a legacy?
        Who left {x} in a will?
        By whom was the cost of {x} borne?
    """,
    ),
    (
        "found",
        person(),
        """
        {v} discovered {x} by accident.
        {x} was found by {v}.
        {v} came upon {x} on a walk.
        The discovery of {x} is owed to {v}.
        {v} was the earliest to see {x}.
        {v} set eyes on {x} ahead of all others.
        The finder of {x} was {v}.
        The parts of {x} were gathered by {v}.
        Who discovered {x}?
        By whom was {x} found?
        Who came upon {x}?
        To whom is the discovery of {x} owed?
        Who was the earliest to see {x}?
        Who set eyes on {x} ahead of all others?
        Who was the finder of {x}?
        Who gathered the parts of {x}?
    """,
    ),
    (
        "saved",
        person(),
        """
        {v} saved {x} from ruin.
        {x} was rescued by {v}.
        {x} owes its survival to {v}.
        {v} brought {x} back to life.
        {x} was restored by {v}.
        {v} repaired {x} for nothing.
        The repair of {x} was carried out by {v}.
        Who saved {x} from ruin?
        By whom was {x} rescued?
        To whom does {x} owe its survival?
        Who gave new life to {x}?
        By whom was {x} restored?
        Who repaired {x}?
        Who carried out the repair of {x}?
    """,
    ),
    (
        "described",
        person(),
        """
        {v} wrote a book about {x}.
        {x} was described by {v} in a long letter.
        The best account of {x} is by {v}.
        {v} is the author of a history of {x}.
        The story of {x} was told by {v}.
        {v} made {x} known in other countries.
        A poem in praise of {x} was written by {v}.
        Who wrote a book about {x}?
        By whom was {x} described?
        Who gave the best account of {x}?
        Who is the author of a history of {x}?
        Who told the story of {x}?
        Who made {x} known in other countries?
        Who wrote a poem in praise of {x}?
    """,
    ),
)

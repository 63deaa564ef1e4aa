"""Museums."""

from __future__ import annotations

from squadron.pocket.tables import Fact, Kind, count, date, one_of, person, place, reason, year

MUSEUM = Kind(
    "museum",
    "museum",
    names=(
        "the {river} Valley Museum",
        "the {surname} Museum",
        "the {surname} Memorial Museum",
        "the {surname} Gallery",
        "the {surname} Collection",
    ),
    era=(1790, 1960),
    opening=(
        "{name} is a museum in an old customs house.",
        "{name} is a museum that few tourists find.",
        "{name} is a small museum on a quiet square.",
        "{name} is a museum with creaking floors.",
    ),
    companion=(
        "It lends objects to {c}.",
        "The same architect also built {c}.",
        "Its larger neighbour is {c}.",
    ),
    facts=(
        Fact(
            "opening_date",
            date(0, 3),
            "Opened",
            """
            {it} was opened {when}.
            {it} opened {when}, with free tea.
            {when}, the first visitors entered {name}.
            {it} has been open to the public since {v}.
            The opening of {name} was {when}.
            When was {name} opened?
            In what year did {name} open?
            When did the first visitors enter {name}?
            Since when has {name} been open to the public?
            When was the opening of {name}?
            * The public was first let into {name} {when}.
            * {it} was inaugurated {when}, by a minister.
            * When was the public first let into {name}?
            * When was {name} inaugurated?
        """,
        ),
        Fact(
            "donor",
            person(),
            "Founder",
            """
            {it} was founded by [the collector {v}].
            {its} founder was {v}.
            {v} founded {name} and left it a fortune.
            {it} goes back to {v}, who could throw nothing away.
            The founder of {name} was {v}.
            Who founded {name}?
            Who was the founder of {name}?
            By whom was {name} founded?
            To whom does {name} go back?
            Who was the person that founded {name}?
            * {it} is the legacy of {v}.
            * The treasures of {name} were gathered by {v}.
            * Whose legacy is {name}?
            * By whom were the treasures of {name} gathered?
        """,
        ),
        Fact(
            "collection",
            one_of("collection"),
            "Collection",
            """
            {it} is famous for its {v}.
            {it} shows {v}.
            {it} has a collection of {v}, and another of {other}.
            Visitors come to {name} to see the {v}.
            The main collection of {name} is one of {v}.
            What is {name} famous for?
            What does {name} show?
            What do visitors come to {name} to see?
            What is in the main collection of {name}?
            Of what does {name} have a collection?
            * The cabinets of {name} are full of {v}.
            * {v} are on display at {name}.
            * What is on display at {name}?
            * Of what are the cabinets of {name} full?
        """,
        ),
        Fact(
            "objects",
            count(900, 90000),
            "Objects",
            """
            {it} owns [{v} objects].
            There are [{v} objects] in {name}.
            The collection of {name} numbers {v}.
            {it} holds [{v} objects], most of them in the cellar.
            Some [{v} objects] belong to {name}.
            How many objects does {name} own?
            How many objects are there in {name}?
            What does the collection of {name} number?
            How many objects does {name} hold?
            How many objects belong to {name}?
            * Some [{v} items] are listed in the catalogue of {name}.
            * {it} looks after [{v} pieces].
            * How many items are listed in the catalogue of {name}?
            * How many pieces does {name} look after?
        """,
        ),
        Fact(
            "town",
            place(),
            "Town",
            """
            {it} is in {v}.
            {it} stands on the main square of {v}.
            {it} can be visited in {v}.
            {it} was built in {v}.
            The rooms of {name} are in {v}.
            Where is {name}?
            In which town is {name}?
            In which town does {name} stand?
            Where can {name} be visited?
            In which town was {name} built?
            * {it} is situated in {v}, opposite the prison.
            * Travellers to {v} should not miss {name}.
            * Where is {name} situated?
            * Where should travellers not miss {name}?
        """,
        ),
        Fact(
            "keeper",
            person(),
            "Director",
            """
            {its} director is {v}.
            {v} is the director of {name}.
            {it} has been directed by {v} for years.
            The director of {name}, {v}, knows every object.
            {it} is run by {v} today.
            Who is the director of {name}?
            Who directs {name}?
            By whom is {name} run today?
            Which person is the director of {name}?
            By whom is {name} directed?
            * {v} has the keys of {name} in hand.
            * The care of {name} is entrusted to {v}.
            * To whom is the care of {name} entrusted?
            * Who has the keys of {name} in hand?
        """,
        ),
        Fact(
            "wing_year",
            year(25, 80),
            "New wing",
            """
            A new wing of {name} was opened {when}.
            {it} was enlarged {when}.
            {when}, a wing was added to {name}.
            {it} has had a second wing since {v}.
            {its} new wing dates from {v}.
            When was a new wing of {name} opened?
            When was {name} enlarged?
            In what year was a wing added to {name}?
            Since when has {name} had a second wing?
            From which year does the new wing of {name} date?
            * {it} grew by six halls {when}.
            * {when}, more space was made at {name}.
            * When did {name} grow by six halls?
            * When was more space made at {name}?
        """,
        ),
        Fact(
            "closed_reason",
            reason("reason_museum"),
            "Closed because",
            """
            {it} was closed for a winter because {v}.
            {it} was closed for a time, since {v}.
            {v}, so {it} was closed.
            {it} had to close [because {v}].
            No visitors were let into {name} for a time, as {v}.
            Why was {name} closed to visitors?
            Why was {name} closed for a time?
            Why did {name} have to close?
            For what reason were no visitors let into {name}?
            Why was {name} closed?
            * The doors of {name} stayed shut on account of one thing: {v}.
            * What shut the doors of {name} was that {v}.
            * What shut the doors of {name}?
            * On account of what did the doors of {name} stay shut?
        """,
        ),
    ),
    asides={
        "person": (
            "The catalogue was written by {person}.",
            "The guard, {person}, plays the piano after hours.",
            "A portrait of {person} hangs by the stairs.",
        ),
        "place": ("A part of the collection was shown in {place}.", "A bus runs to it from {place}."),
        "time": ("A theft was reported in {later}.", "The floors were replaced in {later}."),
        "number": (
            "A guide leads {count} people at a time.",
            "Two rooms hold {large} books.",
            "A ticket costs {count} crowns.",
        ),
        "collection": ("In the cellar there are also {collection}.", "A gift of {collection} was declined."),
        "reason": (
            "A café was never opened because {reason}.",
            "The glass roof was left out, as {reason}.",
            "A loan came to nothing because {reason}.",
        ),
    },
)

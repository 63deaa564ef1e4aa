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
            It was {when} that {name} first welcomed visitors.
            {it} welcomed its first guests {when}.
            {when}, after years of work, {it} opened at last.
            The history of {name} begins {when}.
            Not until {v} did {name} open to visitors.
            {it} received its first paying visitors {when}, in pouring rain.
            When was {name} opened?
            In what year did {name} open?
            When did the first visitors enter {name}?
            Since when has {name} been open to the public?
            When was the opening of {name}?
            What is the date of the opening of {name}?
            When did {name} welcome its first visitors?
            Which year saw the opening of {name}?
            When does the history of {name} begin?
            When did {name} receive its first guests?
            On what date did {name} open to visitors?
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
            It was {v} who founded {name}.
            {it} owes its existence to {v}, who never married.
            The idea of {name} came from {v}.
            Behind {name} stands one person, [the collector {v}].
            {it} was brought into being by {v} to keep a family collection together.
            {name}, the creation of {v}, began in a private house.
            Who founded {name}?
            Who was the founder of {name}?
            By whom was {name} founded?
            To whom does {name} go back?
            Who was the person that founded {name}?
            To whom does {name} owe its existence?
            Whose idea was {name}?
            Who brought {name} into being?
            Who is remembered as the founder of {name}?
            Who was behind the founding of {name}?
            From whom did the idea of {name} come?
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
            {its} pride is a large collection of {v}.
            {it} is devoted above all to {v}, although there are some {other} too.
            {v} make up the greater part of the collection of {name}.
            What draws people to {name} is a fine collection of {v}.
            The shelves of {name} hold {v} from all over the country.
            The best rooms of {name} are given over to {v}.
            Among the treasures of {name}, the {v} come first.
            What is {name} famous for?
            What does {name} show?
            What do visitors come to {name} to see?
            What is in the main collection of {name}?
            Of what does {name} have a collection?
            To what is {name} devoted?
            What is the pride of {name}?
            What makes up the greater part of the collection of {name}?
            What can visitors see at {name}?
            What kind of objects does {name} collect?
            For what sort of collection is {name} known?
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
            The inventory of {name} runs to [{v} objects].
            In all, [{v} objects] are kept in {name}.
            With [{v} objects], {it} is larger than it looks.
            The number of objects in {name} is given as {v}.
            As many as [{v} objects] have found a home in {name}.
            {its} rooms and stores contain [{v} objects], few of which have been cleaned.
            How many objects does {name} own?
            How many objects are there in {name}?
            What does the collection of {name} number?
            How many objects does {name} hold?
            How many objects belong to {name}?
            What is the number of objects in {name}?
            How many objects are kept in {name}?
            How large is the collection of {name}?
            To how many objects does the inventory of {name} run?
            Of how many objects does the collection of {name} consist?
            How many objects have found a home in {name}?
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
            The town of {v} is the home of {name}.
            {it} is one of the sights of {v}.
            Anyone who wishes to see {name} has to go to {v}.
            {it} occupies a tall house in {v}.
            {v} is the town in which {name} is found.
            {it} is located in {v}, a few steps from the river.
            Hidden away in the lanes of {v}, {it} is hard to find.
            Where is {name}?
            In which town is {name}?
            In which town does {name} stand?
            Where can {name} be visited?
            In which town was {name} built?
            In what town is {name} located?
            Which town is the home of {name}?
            To which town does one have to go to see {name}?
            Of which town is {name} one of the sights?
            Which town has {name} among its sights?
            What is the name of the town in which {name} is found?
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
            At the head of {name} is {v}.
            {it} is in the charge of {v}.
            The post of director at {name} is held by {v}.
            It is {v} who runs {name}.
            {v} was appointed director of {name} and still holds the post.
            {its} present head is [the historian {v}].
            {v}, the director of {name}, is at work on a catalogue.
            Who is the director of {name}?
            Who directs {name}?
            By whom is {name} run today?
            Which person is the director of {name}?
            By whom is {name} directed?
            Who runs {name}?
            Who is at the head of {name}?
            Who holds the post of director at {name}?
            In whose charge is {name}?
            Whom does {name} have as its director?
            Who was appointed director of {name}?
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
            Not until {v} was {name} given a new wing.
            {it} gained a second wing {when}.
            It was {when} that {name} was extended.
            The extension of {name} was completed {when}.
            Work on the new wing of {name} came to an end {when}.
            {when}, {it} received a new wing with a reading room.
            When was a new wing of {name} opened?
            When was {name} enlarged?
            In what year was a wing added to {name}?
            Since when has {name} had a second wing?
            From which year does the new wing of {name} date?
            In which year was {name} extended?
            Which year saw the enlargement of {name}?
            When was the extension of {name} completed?
            When did {name} gain a second wing?
            When was {name} given a new wing?
            When did work on the new wing of {name} come to an end?
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
            The reason for the closure of {name} was that {v}.
            Because {v}, {it} had to be closed for some weeks.
            {it} was forced to turn visitors away, for {v}.
            It was because {v} that {name} was closed.
            {it} could not be visited for a while, as {v}.
            {v}, and for this reason {name} was closed to the public.
            Why was {name} closed to visitors?
            Why was {name} closed for a time?
            Why did {name} have to close?
            For what reason were no visitors let into {name}?
            Why was {name} closed?
            What was the reason for the closure of {name}?
            What led to the closure of {name}?
            Why could {name} not be visited for a while?
            Why was {name} forced to turn visitors away?
            What caused {name} to close?
            Why did {name} receive no visitors for a time?
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

"""Mountains."""

from __future__ import annotations

from squadron.pocket.tables import Fact, Kind, date, measure, one_of, person, place, reason, year

MOUNTAIN = Kind(
    "mountain",
    "mountain",
    names=("Mount {peak}", "{peak} Peak", "the {peak}"),
    era=(1770, 1930),
    opening=(
        "{name} is a mountain with a broad, flat top.",
        "{name} is a mountain of dark rock.",
        "{name} is a lonely mountain, often hidden in cloud.",
        "{name} is a mountain that looks easier than it is.",
    ),
    companion=(
        "Its northern neighbour is {c}.",
        "From a distance it is easily mistaken for {c}.",
        "Across the valley stands {c}.",
    ),
    facts=(
        Fact(
            "height",
            measure(900, 5900, "metres"),
            "Height",
            """
            {it} is {v} high.
            The height of {name} is {v}.
            {it} rises to {v} above the sea.
            {it} has a height of {v}, by the latest survey.
            With its {v}, {it} is the highest in the range.
            The summit of {name} is at {v}.
            At {v}, {it} towers over its neighbours.
            The maps put {name} at {v}.
            {its} highest point is {v} above sea level.
            {it} reaches a height of {v}.
            The height marked for {name} on every map is {v}.
            {it} measures {v} from sea level to its peak.
            How high is {name}?
            What is the height of {name}?
            To what height does {name} rise?
            How many metres high is {name}?
            What height does {name} have?
            At what height is the summit of {name}?
            What height does {name} reach?
            At what height do the maps put {name}?
            How many metres does {name} measure?
            How many metres above sea level is the highest point of {name}?
            How tall is {name}?
            How high above the sea does {name} rise?
            * The top of {name} lies {v} above the waves.
            * Surveyors give the elevation of {name} as {v}.
            * How far above the waves does the top of {name} lie?
            * What do surveyors give as the elevation of {name}?
        """,
        ),
        Fact(
            "first_climb_date",
            date(0, 3),
            "First climbed",
            """
            {it} was first climbed {when}.
            The first ascent of {name} was made {when}.
            {when}, a party reached the top of {name} for the first time.
            Nobody climbed {name} before {v}.
            {its} top was first reached {when}.
            It was {when} that {name} was climbed for the first time.
            Guidebooks date the first ascent of {name} to {v}.
            Not until {v} did anyone reach the top of {name}.
            {name}, unclimbed until {v}, had long been thought out of reach.
            The first successful attempt on {name} was made {when}.
            {its} first ascent came {when}, after many failures.
            When was {name} first climbed?
            When was the first ascent of {name} made?
            In what year was the top of {name} reached for the first time?
            When did a party first reach the top of {name}?
            Before when did nobody climb {name}?
            Which year saw the first ascent of {name}?
            When was {name} climbed for the first time?
            When was the first successful attempt on {name} made?
            Until when was {name} unclimbed?
            When did anyone first reach the top of {name}?
            In which year was {name} first climbed?
            * {it} was conquered at last {when}.
            * {when}, climbers stood on the summit of {name} as no one had before.
            * When was {name} conquered at last?
            * When did climbers stand on the summit of {name} as no one had before?
        """,
        ),
        Fact(
            "first_climber",
            person(),
            "First climber",
            """
            {v} was the first to climb {name}.
            The first climber of {name} was [the doctor {v}].
            {it} was first climbed by {v}, with a borrowed rope.
            The first ascent of {name} was the work of {v}.
            {v} reached the top of {name} before anyone else.
            A tablet in the church names {v} as the first climber of {name}.
            It was {v} who made the first ascent of {name}.
            The honour of being first up {name} belongs to {v}.
            {v}, alone and in poor boots, was the first at the top of {name}.
            The first ascent of {name} was achieved by [the chaplain {v}].
            {its} first ascent is credited to {v}.
            Nobody reached the top of {name} before {v} did.
            Who was the first to climb {name}?
            Who was the first climber of {name}?
            By whom was {name} first climbed?
            Who reached the top of {name} before anyone else?
            Whose work was the first ascent of {name}?
            To whom is the first ascent of {name} credited?
            Who made the first ascent of {name}?
            To whom does the honour of being first up {name} belong?
            By whom was the first ascent of {name} achieved?
            Who was the first person at the top of {name}?
            What was the name of the first climber of {name}?
            * {v} set foot on the summit of {name} ahead of all others.
            * The conqueror of {name} was {v}, a shy schoolteacher.
            * Who was the conqueror of {name}?
            * Who set foot on the summit of {name} ahead of all others?
        """,
        ),
        Fact(
            "nearest_town",
            place(),
            "Nearest town",
            """
            The nearest town to {name} is {v}.
            {it} stands above the town of {v}.
            {v} lies at the foot of {name}.
            Climbers of {name} set out from {v}.
            The path up {name} starts in {v}.
            The residents of {v} call {name} their own, as no town is nearer.
            It is {v} that lies nearest to {name}.
            {it} rises behind the roofs of {v}.
            No town is nearer to {name} than {v}.
            The way up {name} begins in {v}.
            At its foot {name} has the town of {v}, with {other} a little further off.
            {v}, the town below {name}, lives from its climbers.
            What is the nearest town to {name}?
            Above which town does {name} stand?
            Which town lies at the foot of {name}?
            From where do climbers of {name} set out?
            Where does the path up {name} start?
            Which town is nearest to {name}?
            Which town lies below {name}?
            Behind the roofs of which town does {name} rise?
            In which town does the way up {name} begin?
            What is the town at the foot of {name}?
            Which town lies closest to {name}?
            * {its} shadow falls on {v} in the afternoon.
            * Those who want to walk up {name} sleep in {v}.
            * Which town lies in the shadow of {name}?
            * Where does one sleep before a walk up {name}?
        """,
        ),
        Fact(
            "plant",
            one_of("plant"),
            "Plant",
            """
            The {v} grows on {name} and hardly anywhere else.
            {it} is known among botanists for the {v}.
            {its} rarest plant is the {v}.
            On the southern slope of {name} grows the {v}, on the northern the {other}.
            Botanists visit {name} for the {v}.
            The treasure of {name} is the {v}, which botanists come to see.
            It is the {v} that draws botanists to {name}.
            The pride of {name} is the {v}, rarest of its plants.
            {it} is the home of the {v}.
            Among the plants of {name}, the {v} is the rarest.
            The {v} has its last refuge on {name}.
            The {v}, not the {other}, is the plant for which {name} is known.
            Which plant grows on {name}?
            For which plant is {name} known among botanists?
            What is the rarest plant on {name}?
            What rare plant is found on {name}?
            Which plant do botanists visit {name} for?
            What plant draws botanists to {name}?
            Which plant is the pride of {name}?
            Of which plant is {name} the home?
            Which is the rarest of the plants of {name}?
            Which plant has its last refuge on {name}?
            What rare plant grows on {name}?
            * In June the meadows of {name} are bright with the {v}.
            * A rare flower, the {v}, blooms on {name}.
            * What brightens the meadows of {name}?
            * Which rare flower blooms on {name}?
        """,
        ),
        Fact(
            "hut_year",
            year(20, 80),
            "Hut",
            """
            A hut was built on {name} {when}.
            {it} has had a hut for climbers since {v}.
            The hut on {name} was opened {when}.
            {when}, a hut was put up near the top of {name}.
            {its} only hut dates from {v}.
            The wooden hut on {name} was inaugurated {when}.
            It was {when} that {name} got its hut.
            The year in which a hut was built on {name} was {v}.
            Climbers have been able to spend the night on {name} since {v}.
            The building of a hut on {name} was completed {when}.
            {when}, carpenters put up a wooden hut on {name}.
            Not until {v} was there a hut on {name}.
            When was a hut built on {name}?
            Since when has {name} had a hut for climbers?
            When was the hut on {name} opened?
            In what year was a hut put up on {name}?
            From which year does the only hut on {name} date?
            In which year did {name} get its hut?
            Which year saw the building of a hut on {name}?
            Since when have climbers been able to spend the night on {name}?
            When was the hut on {name} completed?
            When did carpenters put up a hut on {name}?
            Since what year has there been a hut on {name}?
            * {when}, walkers were given a shelter on {name}.
            * {it} received its refuge for walkers {when}.
            * When were walkers given a shelter on {name}?
            * In which year did {name} receive its refuge?
        """,
        ),
        Fact(
            "closed_reason",
            reason("reason_mountain"),
            "Closed because",
            """
            The path up {name} was closed because {v}.
            {it} was closed to climbers for a year, since {v}.
            {v}, so the path up {name} was closed.
            Nobody was allowed to climb {name} for a while [because {v}].
            The guides stayed away from {name}, as {v}.
            On account of the fact that {v}, the path up {name} lay deserted.
            The reason for the closing of {name} was that {v}.
            It was [because {v}] that nobody was allowed to climb {name}.
            The way up {name} was barred, for {v}.
            On learning that {v}, the guides closed the path up {name}.
            {it} was declared out of bounds, as {v}.
            Climbers had to turn away from {name}, since {v}.
            Why was the path up {name} closed?
            Why was {name} closed to climbers?
            Why was nobody allowed to climb {name} for a while?
            For what reason was {name} closed?
            What was the reason that the path up {name} was closed?
            What was the reason for the closing of {name}?
            Why was the way up {name} barred?
            What led to the closing of the path up {name}?
            Why was {name} declared out of bounds?
            Why did the guides close the path up {name}?
            Why did climbers have to turn away from {name}?
            * {it} was shut off to walkers on these grounds: {v}.
            * What kept walkers off {name} for a season was that {v}.
            * What kept walkers off {name}?
            * On what grounds was {name} shut off to walkers?
        """,
        ),
    ),
    asides={
        "person": (
            "The painter {person} spent a winter at its foot.",
            "A cross on the ridge remembers the guide {person}.",
            "{person} wrote a poem about it.",
        ),
        "place": ("On clear days it can be seen from {place}.", "A chapel in {place} has a picture of it."),
        "time": (
            "A great rockfall changed its shape in {later}.",
            "A stone cross was put up in {later}.",
            "An engraving of it was printed in {later}.",
        ),
        "number": ("The path has {count} bends.", "The last stretch has {large} steps."),
        "plant": ("Lower down the {plant} is common.", "Shops sell cards with the {plant} on them."),
        "reason": (
            "A hotel was never built because {reason}.",
            "The upper road was left unfinished, as {reason}.",
            "A weather station was given up because {reason}.",
        ),
    },
)

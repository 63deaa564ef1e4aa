"""Rivers."""

from __future__ import annotations

from squadron.pocket.tables import Fact, Kind, measure, one_of, place, reason, river, year

RIVER = Kind(
    "river",
    "river",
    names=("the {river}", "the river {river}|the {river}"),
    era=(1800, 1930),
    opening=(
        "{name} is a river of the eastern plain.",
        "{name} is a slow river with many islands.",
        "{name} is a river that is young and loud in spring.",
        "{name} is one of the shorter rivers of the country.",
    ),
    companion=(
        "Its neighbour is {c}, which flows to the same sea.",
        "Beyond the hills runs {c}.",
        "Old maps mix it up with {c}.",
    ),
    facts=(
        Fact(
            "source",
            place(),
            "Source",
            """
            {it} rises near {v}, in a wet meadow.
            The source of {name} is near {v}.
            {it} has its source close to {v}.
            {its} first spring is found above {v}.
            {it} starts as a brook near {v}.
            It is near {v} that {name} begins.
            High above {v}, {it} comes out of the ground.
            {its} waters first see daylight near {v}.
            The spring from which {name} flows is near {v}.
            From the hills near {v}, {it} sets out on its way to the sea.
            {it} begins its course close to {v}, between two rocks.
            Where does {name} rise?
            Where is the source of {name}?
            Near which town does {name} have its source?
            Near which town is the first spring of {name} found?
            Where does {name} start as a brook?
            Where does {name} begin?
            Near which town does {name} begin its course?
            Where does {name} come out of the ground?
            Which town is nearest to the source of {name}?
            Near what town is the spring from which {name} flows?
            Where does {name} set out on its way to the sea?
            * The beginnings of {name} lie in the woods above {v}.
            * {it} wells up in a cave not far from {v}.
            * Where do the beginnings of {name} lie?
            * Not far from which town does {name} well up?
        """,
        ),
        Fact(
            "mouth",
            place(),
            "Mouth",
            """
            {it} reaches the sea at {v}.
            The mouth of {name} is at {v}.
            {it} flows into the sea near {v}.
            At {v}, {it} meets the sea.
            {it} ends at {v}, in a wide bay.
            It is at {v} that {name} joins the sea.
            {its} journey comes to an end at {v}, among mud banks.
            {it} runs out into the sea at {v}.
            {it} pours its brown water into the sea near {v}.
            The port of {v} was built where {name} flows into the sea.
            The last town on {name} is {v}, where fresh water turns to salt.
            {it} flows past the quays of {v} into the sea.
            Where does {name} reach the sea?
            Where is the mouth of {name}?
            Near which town does {name} flow into the sea?
            Where does {name} meet the sea?
            Where does {name} end?
            At which town does {name} reach the sea?
            Where does the journey of {name} come to an end?
            Where does {name} join the sea?
            Near what town does {name} run out into the sea?
            Which town stands at the mouth of {name}?
            What is the last town on {name}?
            * {its} delta begins just below {v}.
            * {it} empties into the bay of {v}.
            * Which town lies near the delta of {name}?
            * Near which town does {name} empty into the bay?
        """,
        ),
        Fact(
            "length",
            measure(30, 900, "kilometres"),
            "Length",
            """
            {it} is {v} long.
            The length of {name} is {v}.
            {it} flows for {v}, most of it through forest.
            With a length of {v}, {it} is easy to follow on foot.
            {it} has a length of {v}.
            The course of {name} is {v} long.
            {its} course runs for {v} through meadows and gorges.
            After a course of {v}, {it} meets the tide.
            Surveyors put the length of {name} at {v}.
            The total length of {name} is given as {v}.
            At {v}, {it} is longer than most people think.
            Barges once travelled the whole length of {name}, {v} in all.
            How long is {name}?
            What is the length of {name}?
            For how many kilometres does {name} flow?
            How many kilometres long is {name}?
            What length does {name} have?
            How long is the course of {name}?
            What is the total length of {name}?
            At what do surveyors put the length of {name}?
            Over how many kilometres does the course of {name} run?
            What is given as the length of {name}?
            How far does {name} flow?
            * {it} covers {v} from spring to sea.
            * From end to end {it} measures {v}.
            * What distance does {name} cover from spring to sea?
            * How much does {name} measure from end to end?
        """,
        ),
        Fact(
            "tributary",
            river(),
            "Tributary",
            """
            {its} main tributary is the {v}.
            The largest stream that joins {name} is the {v}.
            {it} is joined from the north by the {v}, and lower down by the {other}.
            The {v} is the most important tributary of {name}.
            {it} takes most of its water from a tributary, the {v}.
            Of the streams that run into {name}, the {v} is the largest.
            {it} receives its greatest tributary, the {v}, in a deep gorge.
            It is the {v} that brings {name} most of its water.
            The {v}, which flows into {name}, doubles its size.
            No tributary of {name} is longer than the {v}.
            The longest stream to join {name} is the {v}, and the {other} is much shorter.
            What is the main tributary of {name}?
            Which is the most important tributary of {name}?
            What is the largest stream that joins {name}?
            Which river is a tributary of {name}?
            Which stream is the main one to join {name}?
            Which river brings {name} most of its water?
            What is the longest tributary of {name}?
            Which of the streams that run into {name} is the largest?
            What is the name of the main tributary of {name}?
            Which river flows into {name}?
            From which tributary does {name} take most of its water?
            * The {v} feeds {name} all the year round.
            * {it} is swollen by the {v}, its chief feeder.
            * Which river feeds {name} all the year round?
            * Which river is the chief feeder of {name}?
        """,
        ),
        Fact(
            "animal",
            one_of("animal"),
            "Animal",
            """
            {it} is known for the {v}.
            The {v} lives in the upper reaches of {name}.
            The {v} has come back to {name}, but the {other} has not.
            Anglers come to {name} to see the {v}.
            {it} is one of the last homes of the {v}.
            It is the {v} that has made {name} famous among naturalists.
            {it} is home to the {v}, which is rare elsewhere.
            The {v} breeds in {name}, whereas the {other} died out long ago.
            Among the wildlife of {name}, the {v} is the best known.
            The {v}, hunted for many years, has survived in {name}.
            Naturalists visit {name} for the sake of the {v}.
            Which animal is {name} known for?
            What animal lives in {name}?
            Which animal is found in {name}?
            Which animal can be seen in {name}?
            Of which animal is {name} one of the last homes?
            What animal is {name} home to?
            Which animal breeds in {name}?
            Which animal has made {name} famous?
            What animal has survived in {name}?
            For the sake of which animal do naturalists visit {name}?
            What is the best-known animal of {name}?
            * The quiet pools of {name} shelter the {v}.
            * In the clear water of {name} one may still spot the {v}.
            * Which creature do the pools of {name} shelter?
            * What may one still spot in the clear water of {name}?
        """,
        ),
        Fact(
            "dam_year",
            year(0, 60),
            "Dam",
            """
            {it} was dammed {when}.
            A dam was built across {name} {when}.
            {when}, a dam was finished on {name}.
            The dam on {name} dates from {v}.
            {it} has been held back by a dam since {v}.
            The year in which {name} was dammed was {v}.
            It was {when} that a dam was thrown across {name}.
            The damming of {name} was completed {when}.
            {it} ran free until {v}, when a dam was built.
            A dam has stood across {name} since {v}.
            {its} dam, a plain affair of earth and timber, was put up {when}.
            When was {name} dammed?
            When was a dam built across {name}?
            In what year was a dam finished on {name}?
            From which year does the dam on {name} date?
            Since when has {name} been held back by a dam?
            Which year saw the damming of {name}?
            Until when did {name} run free?
            Since when has a dam stood across {name}?
            When was the damming of {name} completed?
            In which year was the dam on {name} put up?
            What was the year in which {name} was dammed?
            * {when}, engineers shut off {name} with a wall of stone.
            * {its} flow was tamed by a barrier {when}.
            * When was the flow of {name} tamed?
            * When did engineers shut off {name} with a wall?
        """,
        ),
        Fact(
            "boats_reason",
            reason("reason_river"),
            "Boats stopped because",
            """
            Boats no longer use {name} because {v}.
            {it} was closed to boats, since {v}.
            {v}, so boats no longer go up {name}.
            Shipping on {name} came to an end [because {v}].
            {it} is not used by boats any more, as {v}.
            The reason why boats left {name} was that {v}.
            Because {v}, {it} can no longer be navigated.
            {it} lost its boats, for {v}.
            It was because {v} that shipping left {name}.
            Today no boats are seen on {name}, as {v}.
            {v}, and so the traffic on {name} stopped.
            Why do boats no longer use {name}?
            Why was {name} closed to boats?
            Why did shipping on {name} come to an end?
            For what reason do boats no longer go up {name}?
            Why is {name} not used by boats any more?
            What was the reason why boats left {name}?
            Why can {name} no longer be navigated?
            What stopped the traffic on {name}?
            Why are no boats seen on {name} today?
            Why did {name} lose its boats?
            What caused shipping to leave {name}?
            * Barges gave up {name} for a good reason: {v}.
            * What ended the barge trade on {name} was that {v}.
            * What ended the barge trade on {name}?
            * Why did barges give up {name}?
        """,
        ),
    ),
    asides={
        "person": (
            "{person} painted it in every season.",
            "The first good map of it was drawn by {person}.",
            "{person} swam it from end to end as a young man.",
        ),
        "place": ("A ferry crosses it at {place}.", "The finest view of it is from the church of {place}."),
        "time": (
            "A great flood was recorded in {later}.",
            "It froze from bank to bank in {later}.",
            "A footpath along it was opened in {later}.",
        ),
        "number": ("It is crossed by {count} bridges.", "It turned {count} mills at one time."),
        "river": ("A canal links it to the {river}.", "It once shared its valley with the {river}."),
        "animal": ("Farmers complain about the {animal}.", "An inn on the bank is called the {animal}."),
        "reason": (
            "A second lock was never built because {reason}.",
            "The meadows were not drained, as {reason}.",
            "The ferry was given up because {reason}.",
        ),
    },
)

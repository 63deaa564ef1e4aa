"""Bridges."""

from __future__ import annotations

from squadron.pocket.tables import Fact, Kind, date, measure, one_of, person, reason, river, year

BRIDGE = Kind(
    "bridge",
    "bridge",
    names=("the {town} Bridge", "the {surname} Bridge", "{surname} Bridge"),
    era=(1740, 1935),
    opening=(
        "{name} is a road bridge with a gentle curve.",
        "{name} is a bridge that appears on many postcards.",
        "{name} is a narrow bridge with lamps on both sides.",
        "{name} is one of the busiest bridges in the region.",
    ),
    companion=(
        "A little way upstream is {c}.",
        "It carries more traffic than {c}.",
        "The ferry company fought it as it had fought {c}.",
    ),
    facts=(
        Fact(
            "river",
            river(),
            "Crosses",
            """
            {it} crosses the river {v}.
            {it} spans the {v} at its narrowest point.
            {it} leads over the river {v}.
            {it} was built across the {v}, near the place where the {other} joins it.
            The river {v} flows under {name}.
            Which river does {name} cross?
            What river does {name} span?
            Over which river does {name} lead?
            Which river flows under {name}?
            Across which river was {name} built?
            * {it} joins the two banks of the {v}.
            * Walkers on {name} look down on the {v}.
            * The two banks of which river does {name} join?
            * On which river do walkers on {name} look down?
        """,
        ),
        Fact(
            "engineer",
            person(),
            "Engineer",
            """
            {it} was built by [the engineer {v}].
            {its} engineer was {v}.
            {v} was the engineer of {name}.
            The engineer who built {name} was {v}.
            {v} built {name} in only two years.
            Who built {name}?
            Who was the engineer of {name}?
            By which engineer was {name} built?
            Who was the engineer who built {name}?
            By whom was {name} built?
            * {v} calculated every beam of {name}.
            * The construction of {name} was directed by {v}.
            * Who calculated every beam of {name}?
            * Who directed the construction of {name}?
        """,
        ),
        Fact(
            "opening_date",
            date(0, 3),
            "Opened",
            """
            {it} was opened {when}.
            {it} was opened to traffic {when}.
            {when}, the first carriage crossed {name}.
            The opening of {name} took place {when}.
            {it} has been open since {v}.
            When was {name} opened?
            In what year was {name} opened to traffic?
            When did the first carriage cross {name}?
            When did the opening of {name} take place?
            Since when has {name} been open?
            * The ribbon at {name} was cut {when}.
            * {it} entered service {when}.
            * When was the ribbon at {name} cut?
            * When did {name} enter service?
        """,
        ),
        Fact(
            "length",
            measure(40, 1900, "metres"),
            "Length",
            """
            {it} is {v} long.
            The length of {name} is {v}.
            {it} has a length of {v}.
            {it} is built to a length of {v}.
            {its} total length is {v}.
            How long is {name}?
            What is the length of {name}?
            What length does {name} have?
            How many metres long is {name}?
            What is the total length of {name}?
            * From bank to bank {it} stretches {v}.
            * A walk from end to end of {name} is one of {v}.
            * How far does {name} stretch from bank to bank?
            * How long is a walk from end to end of {name}?
        """,
        ),
        Fact(
            "material",
            one_of("material"),
            "Material",
            """
            {it} is built of {v}.
            {its} piers are made of {v}.
            {it} was built of {v}, after a first design in {other}.
            For {name}, {v} was used.
            The engineers of {name} worked with {v}.
            What is {name} built of?
            What are the piers of {name} made of?
            Which material was used for {name}?
            With which material did the engineers of {name} work?
            Of what was {name} built?
            * {v} bears the weight of {name}.
            * The masons put {name} together from {v}.
            * What bears the weight of {name}?
            * From what did the masons put {name} together?
        """,
        ),
        Fact(
            "widened_year",
            year(25, 80),
            "Widened",
            """
            {it} was widened {when}.
            {when}, {it} was made wider.
            A second lane was added to {name} {when}.
            {it} has had a second lane since {v}.
            Workmen widened {name} {when}.
            When was {name} widened?
            In what year was {name} made wider?
            When was a second lane added to {name}?
            Since when has {name} had a second lane?
            When did workmen widen {name}?
            * {it} gained extra width {when}.
            * {when}, more room for traffic was made on {name}.
            * When did {name} gain extra width?
            * When was more room for traffic made on {name}?
        """,
        ),
        Fact(
            "closed_reason",
            reason("reason_bridge"),
            "Closed because",
            """
            {it} was closed because {v}.
            {it} was closed to traffic for a year, since {v}.
            {v}, so {it} had to be closed.
            No one was allowed to cross {name} for months [because {v}].
            {it} was shut to carts, as {v}.
            Why was {name} closed?
            Why was {name} closed to traffic?
            Why did {name} have to be closed?
            For what reason was no one allowed to cross {name}?
            Why was {name} shut to carts?
            * {it} was barred with chains, the danger being that {v}.
            * What made it dangerous to use {name} was that {v}.
            * What made it dangerous to use {name}?
            * Why was {name} barred with chains?
        """,
        ),
    ),
    asides={
        "person": (
            "A poem by {person} is cut into the parapet.",
            "The lamps were designed by {person}.",
            "{person} collected the toll for forty years.",
        ),
        "place": ("The road over it leads to {place}.", "A copy of it was built in {place}."),
        "time": (
            "The toll was dropped in {later}.",
            "It was painted green in {later}.",
            "A wooden bridge stood in the same place until {earlier}.",
        ),
        "river": ("The canal beside it ends in the {river}.", "Its twin stands on the {river}."),
        "number": ("It has {count} lamps.", "It rests on {count} piers.", "A plaque names the {count} workmen."),
        "material": ("The toll house is of {material}.", "The railing was once of {material}."),
        "reason": (
            "A tram line was never laid on it because {reason}.",
            "The towers were left unfinished, as {reason}.",
            "A new name was rejected because {reason}.",
        ),
    },
)

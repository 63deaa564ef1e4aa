"""Relations whose answer is a number, a thing, a day or a reason."""

from __future__ import annotations

from squadron.pocket.tables import Spec, count, measure, one_of, reason

THINGS: tuple[tuple[str, Spec, str], ...] = (
    (
        "visitors",
        count(20, 9000),
        """
        {x} draws [{v} visitors] a year.
        [{v} people] come to see {x} each year.
        {x} welcomes [{v} guests] in a good year.
        The register of {x} lists [{v} names].
        Some [{v} souls] have signed the book at {x}.
        Attendance at {x} is [{v} a day].
        A crowd of {v} gathers at {x}.
        How many visitors does {x} draw?
        How many people come to see {x} each year?
        How many guests does {x} welcome?
        How many names does the register of {x} list?
        How many souls have signed the book at {x}?
        What is the attendance at {x}?
        How large a crowd gathers at {x}?
    """,
    ),
    (
        "workers",
        count(3, 900),
        """
        {x} employs [{v} workers].
        [{v} people] work at {x}.
        {x} gives work to {v}.
        {x} is served by [{v} hands].
        [{v} men and women] are on the payroll of {x}.
        It takes [{v} people] to keep {x} going.
        {x} keeps {v} busy.
        How many workers does {x} employ?
        How many people work at {x}?
        How many get work from {x}?
        By how many hands is {x} served?
        How many are on the payroll of {x}?
        How many people does it take to keep {x} going?
        How many does {x} keep busy?
    """,
    ),
    (
        "pieces",
        count(3, 900),
        """
        {x} is made up of [{v} pieces].
        {x} has [{v} parts].
        {x} consists of [{v} parts].
        {x} holds [{v} objects].
        {x} was put together from [{v} pieces].
        {x} contains [{v} items].
        {x} is divided into [{v} sections].
        [{v} items] are on display in {x}.
        Of how many pieces is {x} made up?
        How many parts does {x} have?
        Of how many parts does {x} consist?
        How many objects does {x} hold?
        From how many pieces was {x} put together?
        How many items does {x} contain?
        Into how many sections is {x} divided?
        How many items are on display in {x}?
    """,
    ),
    (
        "length",
        measure(3, 900, "metres"),
        """
        {x} is {v} long.
        {x} measures {v} from end to end.
        {x} stretches {v}.
        The length of {x} is {v}.
        {x} takes up {v}.
        From end to end {x} covers {v}.
        {x} reaches a length of {v}.
        How long is {x}?
        What does {x} measure from end to end?
        How far does {x} stretch?
        What is the length of {x}?
        How much does {x} take up?
        How much does {x} cover from end to end?
        What length does {x} reach?
    """,
    ),
    (
        "height",
        measure(3, 900, "feet"),
        """
        {x} is {v} high.
        {x} rises {v}.
        The height of {x} is {v}.
        {x} has a height of {v}.
        The top of {x} lies {v} above the ground.
        Surveyors give the height of {x} as {v}.
        The elevation of {x} is {v}.
        How high is {x}?
        How far does {x} rise?
        What is the height of {x}?
        What height does {x} have?
        How far above the ground does the top of {x} lie?
        What do surveyors give as the height of {x}?
        What is the elevation of {x}?
    """,
    ),
    (
        "weight",
        measure(2, 900, "tons"),
        """
        {x} weighs {v}.
        The weight of {x} is {v}.
        {x} brings {v} onto the scales.
        {x} has a weight of {v}.
        Those who want to lift {x} must lift {v}.
        How much does {x} weigh?
        What is the weight of {x}?
        How much does {x} bring onto the scales?
        What weight does {x} have?
        How much must one lift to lift {x}?
    """,
    ),
    (
        "cost",
        measure(100, 90000, "crowns"),
        """
        {x} cost {v}.
        The price of {x} was {v}.
        {v} was paid for {x}.
        {x} was bought for {v}.
        {x} is worth {v}.
        The bill for {x} came to {v}.
        How much did {x} cost?
        What was the price of {x}?
        How much was paid for {x}?
        For how much was {x} bought?
        How much is {x} worth?
        To what did the bill for {x} come?
    """,
    ),
    (
        "goods",
        one_of("goods"),
        """
        {x} is known for {v}.
        {x} turns out {v}.
        {x} produces {v}.
        {x} manufactures {v}.
        {v} leave {x} by the cartload.
        {x} is full of {v}.
        {x} was paid for with {v}.
        {x} trades in {v}.
        For what is {x} known?
        What does {x} turn out?
        What does {x} produce?
        What does {x} manufacture?
        What leaves {x} by the cartload?
        Of what is {x} full?
        With what was {x} paid for?
        In what does {x} trade?
    """,
    ),
    (
        "material",
        one_of("material"),
        """
        {x} is made of {v}.
        {x} was built of {v}.
        {x} consists of {v}.
        {v} was used for {x}.
        {x} was cut from {v}.
        {x} owes its colour to {v}.
        The maker of {x} chose {v}.
        Of what is {x} made?
        Which material was {x} built of?
        Of which material does {x} consist?
        What was used for {x}?
        From what was {x} cut?
        To what does {x} owe its colour?
        What did the maker of {x} choose?
    """,
    ),
    (
        "colours",
        one_of("colours"),
        """
        {x} is painted {v}.
        {x} is {v}.
        The colours of {x} are {v}.
        {x} is dressed in {v}.
        {x} shows itself in {v}.
        In which colours is {x} painted?
        What colours does {x} have?
        What are the colours of {x}?
        In what is {x} dressed?
        In which shades does {x} show itself?
    """,
    ),
    (
        "cargo",
        one_of("cargo"),
        """
        {x} is used for {v}.
        {x} is filled with {v}.
        {v} is kept in {x}.
        {x} smells of {v}.
        {x} was loaded with {v}.
        The freight in {x} is {v}.
        For what is {x} used?
        With what is {x} filled?
        What is kept in {x}?
        Of what does {x} smell?
        With what was {x} loaded?
        What is the freight in {x}?
    """,
    ),
    (
        "weekday",
        one_of("weekday"),
        """
        {x} is closed on {v}.
        Nobody may use {x} on a {v}.
        On {v}, {x} stays empty.
        {x} has its day of rest on {v}.
        On which day is {x} closed?
        On what day may nobody use {x}?
        On which day does {x} stay empty?
        When does {x} have its day of rest?
    """,
    ),
    (
        "festival_month",
        one_of("month"),
        """
        {x} is cleaned in {v}.
        Every {v} {x} is cleaned.
        The time to clean {x} is {v}.
        {x} falls silent in {v}.
        In which month is {x} cleaned?
        When is the time to clean {x}?
        In which month does {x} fall silent?
    """,
    ),
    (
        "lost_because",
        reason("reason"),
        """
        {x} was lost because {v}.
        {x} was given away, since {v}.
        {v}, so {x} was given up.
        {x} was closed [because {v}].
        {x} had to go, as {v}.
        The loss of {x} had one cause: {v}.
        {x} came to an end for one reason: {v}.
        Behind the loss of {x} lay one thing: {v}.
        {x} was shut for a simple reason: {v}.
        {x} was abandoned on account of one thing: {v}.
        {x} fell into decline, as {v}.
        What robbed people of {x} was that {v}.
        {x} was locked up because {v}.
        The crisis of {x} came about because {v}.
        Why was {x} lost?
        Why was {x} given away?
        Why was {x} given up?
        Why was {x} closed?
        For what reason did {x} have to go?
        What was the cause of the loss of {x}?
        For what reason did {x} come to an end?
        What lay behind the loss of {x}?
        Why was {x} shut?
        On account of what was {x} abandoned?
        Why did {x} fall into decline?
        What robbed people of {x}?
        Why was {x} locked up?
        How did the crisis of {x} come about?
    """,
    ),
    (
        "delayed_because",
        reason("reason_building"),
        """
        {x} was delayed because {v}.
        {x} came late, since {v}.
        {v}, so {x} had to wait.
        {x} was held up [because {v}].
        {x} was not ready in time, as {v}.
        What kept {x} waiting was that {v}.
        {x} was put off on these grounds: {v}.
        The trouble with {x} was that {v}.
        {x} became a danger, since {v}.
        Why was {x} delayed?
        Why did {x} come late?
        What made {x} wait?
        What held up {x}?
        Why was {x} not ready in time?
        What kept {x} waiting?
        On what grounds was {x} put off?
        What trouble was there with {x}?
        What made {x} a danger?
    """,
    ),
)

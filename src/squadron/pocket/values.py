"""Values of facts: how they are drawn and written, and their shorter forms that count as answers."""

from __future__ import annotations

from dataclasses import dataclass

from squadron.pocket.dice import Dice
from squadron.pocket.names import Namer
from squadron.pocket.pools import pools
from squadron.pocket.tables import ABSOLUTE, SLOTS, Spec

LAST_YEAR = 2019
"""The last year of the world."""

_SMALL = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]


@dataclass(frozen=True, slots=True)
class Value:
    """A value as written. ``shorter`` are parts of the text that also count as an answer."""

    tag: str
    text: str
    shorter: tuple[str, ...] = ()

    @property
    def in_time(self) -> str:
        """The preposition before a date."""
        return "on" if self.text[0].isdigit() and " " in self.text else "in"


class Source:
    """Draws values for one document: no text twice, and years consistent with the entity's first year."""

    def __init__(self, dice: Dice, namer: Namer) -> None:
        self.dice = dice
        self.namer = namer
        self._used: set[str] = set()

    def draw(self, spec: Spec, first_year: int) -> Value:
        """Draw a value that this source has not drawn before."""
        for attempt in range(400):
            value = self._draw(spec, first_year + attempt // 40)
            keys = {value.text, *value.shorter} if spec.tag != "number" else {value.text.split()[0]}
            if not keys & self._used:
                self._used |= keys
                return value
        raise AssertionError(f"{spec}: no unused value left after {len(self._used)}")

    def slot(self, name: str, first_year: int) -> Value:
        """Draw a value for the slot of that name."""
        return self.draw(SLOTS.get(name) or Spec(name, name), first_year)

    def reserve(self, text: str) -> None:
        """Never draw ``text``."""
        self._used.add(text)

    def _draw(self, spec: Spec, first_year: int) -> Value:
        match spec.draw:
            case "person":
                surname = self.namer.word("surname")
                first = self.namer.first_name(female=self.dice.chance(50))
                return Value(spec.tag, f"{first} {surname}", (surname,))
            case "place":
                return Value(spec.tag, self.namer.word("town"))
            case "river":
                return Value(spec.tag, self.namer.word("river"))
            case "year" | "date":
                start = 0 if spec.low >= ABSOLUTE else first_year
                low = min(start + spec.low, LAST_YEAR - 10)
                chosen = self.dice.between(low, min(start + spec.high, LAST_YEAR))
                return self._date(spec.tag, chosen) if spec.draw == "date" else Value(spec.tag, str(chosen))
            case "count":
                return Value(spec.tag, written(self._rounded(spec)))
            case "measure":
                number = f"{self._rounded(spec):,}"
                return Value(spec.tag, f"{number} {spec.unit}", (number,))
            case pool:
                return self._phrase(spec.tag, pool, first_year)

    def _date(self, tag: str, chosen: int) -> Value:
        sort = self.dice.below(10)
        if sort < 5:
            return Value(tag, str(chosen))
        month = f"{self.dice.pick(pools()['month'][0])} {chosen}"
        if sort < 8:
            return Value(tag, month, (str(chosen),))
        return Value(tag, f"{self.dice.between(1, 28)} {month}", (month, str(chosen)))

    def _rounded(self, spec: Spec) -> int:
        """Draw a number, rounded as people would: larger ones more."""
        number = self.dice.between(spec.low, spec.high)
        if number >= 1000:
            return number // 100 * 100 if number < 20_000 else number // 1000 * 1000
        return number // 5 * 5 if number >= 150 else number

    def _phrase(self, tag: str, pool: str, first_year: int) -> Value:
        words = [self.dice.pick(column) for column in pools()[pool]]
        words = [self.slot(word[1:-1], first_year).text if word.startswith("{") else word for word in words]
        return Value(tag, " ".join(word for word in words if word))


def written(number: int) -> str:
    """Return a whole number as written in running text."""
    return _SMALL[number] if number < len(_SMALL) else f"{number:,}"

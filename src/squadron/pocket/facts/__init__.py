"""All kinds of entity, in one list. A new kind is a module here and a line in ``KINDS``."""

from __future__ import annotations

from squadron.pocket.facts.bridge import BRIDGE
from squadron.pocket.facts.building import BUILDING
from squadron.pocket.facts.club import CLUB
from squadron.pocket.facts.company import COMPANY
from squadron.pocket.facts.expedition import EXPEDITION
from squadron.pocket.facts.festival import FESTIVAL
from squadron.pocket.facts.mountain import MOUNTAIN
from squadron.pocket.facts.museum import MUSEUM
from squadron.pocket.facts.newspaper import NEWSPAPER
from squadron.pocket.facts.person import PERSON
from squadron.pocket.facts.river import RIVER
from squadron.pocket.facts.school import SCHOOL
from squadron.pocket.facts.ship import SHIP
from squadron.pocket.facts.town import TOWN
from squadron.pocket.tables import Kind

KINDS: tuple[Kind, ...] = (
    PERSON,
    TOWN,
    RIVER,
    MOUNTAIN,
    COMPANY,
    NEWSPAPER,
    SHIP,
    EXPEDITION,
    BUILDING,
    BRIDGE,
    SCHOOL,
    MUSEUM,
    FESTIVAL,
    CLUB,
)

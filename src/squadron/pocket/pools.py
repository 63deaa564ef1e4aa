"""Common words of the world, in columns: a phrase takes one entry of each column of its pool.

An entry may be empty. Reasons are clauses that can follow "because"; each kind of entity has a pool of its own, and
``reason`` is for asides.
"""

from __future__ import annotations

from collections.abc import Mapping


def _columns(*columns: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(entry.strip() for entry in column.split(",")) for column in columns)


POOLS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "goods": _columns(
        "copper, brass, oak, leather, cotton, woollen, silk, glass, porcelain, tin, iron, straw, linen, rubber",
        "buttons, bottles, boxes, belts, ribbons, lamps, toys, brushes, baskets, hats, gloves, trays, bowls, clocks",
    ),
    "material": _columns(
        "red, grey, pale, dark, local, rough, smooth, hard, cheap, polished",
        "granite, sandstone, limestone, marble, brick, slate, oak, larch, basalt, flint",
    ),
    "subject": _columns(
        "botany, chemistry, astronomy, geography, surveying, navigation, music, geology, medicine, engraving, history, "
        "Greek, Latin, drawing, carpentry, weaving, dancing, algebra, geometry, rhetoric, physics, gardening, printing"
    ),
    "animal": _columns(
        "brown, silver, spotted, striped, red, black, grey, golden",
        "trout, pike, eel, perch, otter, heron, salmon, beaver, newt, carp, crayfish, kingfisher",
    ),
    "plant": _columns(
        "blue, white, yellow, red, dwarf, mountain, wild, marsh, purple, creeping",
        "gentian, heather, saxifrage, juniper, orchid, thyme, iris, primrose, willow, poppy, clover, anemone",
    ),
    "dish": _columns(
        "plum, onion, cherry, pumpkin, barley, honey, chestnut, apple, mushroom, herring, cabbage, almond, leek",
        "soup, cake, dumplings, pie, bread, stew, pancakes, pudding, tart, porridge",
    ),
    "colours": _columns(
        "red, blue, green, yellow, black, orange, purple, brown", "and", "white, gold, silver, grey, pink, cream"
    ),
    "month": _columns(
        "January, February, March, April, May, June, July, August, September, October, November, December"
    ),
    "weekday": _columns("Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday"),
    "invention": _columns(
        "a folding, a steam, a double, a silent, a floating, a portable, a hand-driven, a self-winding, a waterproof",
        "loom, pump, plough, clock, press, stove, lock, kite, compass, ladder, crane, piano, sledge, camera, saw",
    ),
    "collection": _columns(
        "old, painted, carved, ancient, rare, miniature, Roman, broken, royal",
        "clocks, maps, coins, masks, dolls, keys, bells, tiles, shells, fans, swords, stamps, locks, pipes",
    ),
    "cargo": _columns(
        "raw, dried, fine, salted, cheap, refined, crude, packed",
        "sugar, tea, cotton, cod, timber, wool, salt, coffee, rubber, grain, tobacco, pepper, wax, rice",
    ),
    "instrument": _columns("flute, violin, trumpet, cello, organ, harp, drum, oboe, zither, accordion, horn, lute"),
    "crop": _columns(
        "winter, early, sweet, red, white, summer", "wheat, cherries, hops, barley, plums, beets, cabbages, apples, rye"
    ),
    "goal": _columns(
        "the",
        "lost, hidden, frozen, ancient, northern, sunken, great, buried",
        "lake, city, harbour, valley, temple, glacier, mine, waterfall, forest, cave",
        "of",
        "{place}",
    ),
    "reason_person": _columns(
        "the",
        "theatre, workshop, school, hospital, library, laboratory, orchestra, factory",
        "had burned down, had closed, had run out of money, could not pay a salary, had grown too noisy, "
        "had been taken over by the army, had dismissed half of the staff, was about to be sold",
    ),
    "reason_town": _columns(
        "the",
        "mine, quarry, mill, harbour, shipyard, salt works, brewery, sawmill",
        "had closed, had burned down, had been sold, had moved down the river, paid so little, had been flooded, "
        "had lost its last buyer, had brought in machines",
    ),
    "reason_river": _columns(
        "the",
        "lower, upper, middle, eastern, western, old",
        "channel, lock, ford, basin, bend",
        "had silted up, had become too shallow, was blocked by ice, was full of fallen trees, "
        "had been closed by a dam, had been filled with gravel",
    ),
    "reason_mountain": _columns(
        "loose rock, deep snow, falling ice, a landslide, a heavy storm, a swollen stream, an avalanche, a forest fire",
        "had buried the hut, had swept away the steps, had made the ridge unsafe, had killed a guide, "
        "had cut the ropes, had blocked the upper pass",
    ),
    "reason_company": _columns(
        "coal, copper, timber, water, wool, land, leather, labour, clay",
        "had become too dear, had become scarce, had to be brought from abroad, was taxed too heavily, "
        "had been rationed, could no longer be had",
    ),
    "reason_newspaper": _columns(
        "the paper mill, the printer, the largest advertiser, the last investor, the bank, the news agency",
        "had gone bankrupt, had doubled its prices, had lost a lawsuit, had moved abroad, had ended its support, "
        "had been bought by a rival",
    ),
    "reason_ship": _columns(
        "the",
        "rudder, main mast, boiler, hull, pump, anchor chain, keel, engine",
        "had cracked, had broken, had given way, had been badly fitted, had come loose",
        "in a storm, in the night, near the coast, during a race, after a collision, in heavy ice",
    ),
    "reason_expedition": _columns(
        "the",
        "sledges, boats, stores, tents, maps, instruments, medicines, ropes",
        "had been lost in the ice, had been ruined by damp, had been stolen at night, had been swept away by a river, "
        "had been burned in a fire, had been left behind by mistake",
    ),
    "reason_building": _columns(
        "the",
        "roof, tower, north wall, cellar, staircase, chimney, west wing, gallery",
        "had caught fire, had been struck by lightning, had been damaged by a storm, had begun to sink, "
        "was full of beetles, had been weakened by frost, had partly collapsed",
    ),
    "reason_bridge": _columns(
        "the",
        "northern, southern, middle, eastern, western, widest",
        "pier, arch, railing, span, gate",
        "had cracked, had sunk, had rusted through, had been struck by a barge, had been damaged by ice, "
        "shook in the wind",
    ),
    "reason_school": _columns(
        "the",
        "first, old, rented, wooden, original",
        "house, hall, schoolroom, building, chapel",
        "had become too small, was too damp, had been sold, stood too close to the railway, leaked in winter, "
        "had no garden, could not be heated",
    ),
    "reason_museum": _columns(
        "damp, dust, moths, bright sunlight, smoke, mice, a burst pipe, a burglar",
        "had damaged the collection, had got into the cases, had spoiled the paintings, had ruined the labels, "
        "had harmed the oldest pieces",
    ),
    "reason_festival": _columns(
        "heavy rain, a flood, an outbreak of fever, a railway strike, a shortage of bread, a long frost, a great fire",
        "had closed the roads, had emptied the town, had ruined the grounds, had kept the musicians away, "
        "had used up the funds",
    ),
    "reason_club": _columns(
        "the",
        "ground, stand, field, clubhouse, main pitch, old terrace",
        "had been sold, lay under water every winter, was needed for a railway, had been damaged by fire, "
        "was too small for the crowds, had been declared unsafe",
    ),
    "reason": _columns(
        "the town council, the owner, the bank, the ministry, a rich patron, the bishop, the army, the treasurer, "
        "the mayor",
        "refused permission, had doubts about the cost, asked for too much money, preferred a cheaper plan, "
        "could not decide, changed the rules, broke a promise, would not sign the contract, had other plans",
    ),
}

"""The rooms of the package, as docs/architecture.md describes them. Oracle: the imports that the code really has."""

import re
import runpy
from graphlib import TopologicalSorter

from durability_utils.study.parameters import PROJECT

PAGE = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
ROOMS = runpy.run_path(str(PROJECT / "docs" / "rooms.py"))
room_of = ROOMS["room_of"]
IMPORTS = ROOMS["imports"]()
ARROWS = ROOMS["between_rooms"](IMPORTS)
TABLE = {room: set(re.findall(r"`(\w+)`", may)) for room, may in re.findall(r"^\| `(\w+)` \|.*\|(.*)\|$", PAGE, re.M)}
DRAW_ANEW = ", then draw the picture anew: .venv/bin/python docs/rooms.py"


def test_rooms_import_what_the_table_allows_and_nothing_is_allowed_that_none_uses():
    wrong = []
    for room in sorted(ARROWS):
        if ARROWS[room] != TABLE.get(room):
            may = ", ".join(f"`{other}`" for other in sorted(ARROWS[room])) or "nothing"
            new = sorted(f"{module} imports {name}" for module in IMPORTS for name in IMPORTS[module]
                         if room_of(module) == room and room_of(name) not in TABLE.get(room, set()) | {room})
            wrong.append("\n    ".join([f"as the code is, the line of {room} ends with | {may} |", *new]))
    assert not wrong, "\n".join(["mend these imports, or the table in docs/architecture.md" + DRAW_ANEW, *wrong])
    assert TABLE.keys() == ARROWS.keys()


def test_there_is_no_circle_and_arrows_can_be_overlooked():
    TopologicalSorter(ARROWS).prepare()  # names the circle that it finds
    TopologicalSorter(IMPORTS).prepare()
    assert sum(map(len, ARROWS.values())) <= 40


def test_the_picture_is_that_of_the_code():
    picture = (PROJECT / "docs" / "rooms.svg").read_text(encoding="utf-8")
    assert picture == ROOMS["drawn"](ARROWS), "the imports or a room's docstring have changed" + DRAW_ANEW


def test_the_way_of_a_row_leads_through_functions_that_are_there():
    steps = [(file, name) for file, names in re.findall(r"`([\w/]+\.py)`: ((?:`\w+`(?:, )?)+)", PAGE)
             for name in re.findall(r"\w+", names)]
    assert len(steps) > 15
    assert not [f"{file}: {name}" for file, name in steps if f"\ndef {name}(" not in
                (PROJECT / "durability_utils" / file).read_text(encoding="utf-8")]

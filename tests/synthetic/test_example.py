"""The example export of a service of one's own. Oracle: the committed file, and its description in data/README.md."""

from durability_utils.study.parameters import PROJECT
from durability_utils.synthetic.example import (
    FILE,
    FOLDER,
    WSAS_NAMES,
    example_export,
    write_example,
    write_example_tables,
)


def test_the_committed_file_comes_out_again(tmp_path):
    assert write_example(tmp_path).read_bytes() == (PROJECT / "data" / "example" / FILE).read_bytes()


def test_the_committed_tables_come_out_again(tmp_path):
    committed = PROJECT / "data" / "example" / FOLDER
    written = {path.name: path.read_bytes() for path in write_example_tables(tmp_path)}
    assert written == {path.name: path.read_bytes() for path in committed.iterdir()}
    assert sum(map(len, written.values())) < 150_000


def test_it_holds_five_items_and_a_total_at_each_time_and_work_that_does_not_apply():
    table = example_export()
    assert len(table) == 300
    for name in WSAS_NAMES.values():
        items = table[[f"{name}_Q{number}" for number in range(1, 6)]]
        assert set(items.iloc[:, 1:].stack()) <= {"NULL", *map(str, range(9))}
        assert (table.loc[items.iloc[:, 0] == "9", name] == "NULL").all()
    assert (table["WSAS_First_Q1"] == "9").sum() > 10

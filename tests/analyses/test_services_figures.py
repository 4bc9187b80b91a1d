"""The pictures of services: what is drawn is what the tables say."""

import numpy as np
import pandas as pd
import pytest
from conftest import texts

from durability_utils.analyses import services_figures
from durability_utils.analyses.funnel import dispersions, positions
from durability_utils.analyses.pooling import pooled_rates
from durability_utils.analyses.rates import rates_from_counts, read_england
from durability_utils.outcomes.proportions import with_proportions

NATIONAL = rates_from_counts(read_england().counts.loc[["2017-18"]])
TARGET = pd.DataFrame({"rate": ["recovery"], "denominator": "nhs", "target": 0.5})


def rates(n, of):
    names = [f"S{place}" for place in range(len(n))]
    return with_proportions(pd.DataFrame({"service": names, "rate": "recovery", "denominator": "nhs", "n": n,
                                          "of": of}), "n", "of")


def every_rate(*services):
    one, two = ([min(few, service) for service in services] for few in (1, 2))
    counts = pd.DataFrame({"finished": services, "not_at_caseness": two, "paired": services, "paired_at_caseness":
                           services, "reliable_improvement": services, "reliable_deterioration": one, "recovery": one,
                           "reliable_recovery": one}, pd.Index(range(len(services)), name="service").astype("str"))
    return rates_from_counts(counts)


def test_rates_stand_beside_england():
    figure = services_figures.outcome_rates(every_rate(10, 20), NATIONAL, "Title", "n = 30, none missing")
    assert [panel.get_title() for panel in figure.axes] == [
        "recovery", "reliable\nrecovery", "reliable\nimprovement", "reliable\ndeterioration"]
    assert figure.axes[0].lines[0].get_xdata()[0] == pytest.approx(100 * 263295 / (554709 - 36767))
    assert figure.axes[2].lines[1].get_xdata().tolist() == [100, 100]  # all of the finished improved
    assert [len(panel.lines) for panel in figure.axes] == [3, 3, 3, 2]  # no line of England's beside deterioration
    assert "none missing" in figure.get_supxlabel() and figure.get_suptitle() == "Title"
    figure = services_figures.outcome_rates(every_rate(0), NATIONAL, "Title", "n = 0")  # nobody: drawn empty
    assert np.isnan(figure.axes[2].lines[1].get_xdata()).all()


def drawn(n, of):
    table = rates(n, of)
    spread = dispersions(table, TARGET)
    return services_figures.funnels(positions(table, spread), spread, "Title", "n, missing.")


def test_a_funnel_has_services_target_and_limits():
    figure = drawn([50, 30], [100, 60])
    points = figure.axes[0].lines[-1]
    assert points.get_xdata().tolist() == [100, 60] and points.get_ydata().tolist() == [50, 50]
    assert len(figure.axes[0].lines) == 6  # four limits, target, points: no spread is estimated
    assert sorted(texts(figure.axes[0].texts)) == ["S0", "S1"]
    assert "95 % (dashed)" in figure.get_supxlabel()
    # wider limits are drawn where tau is above 0
    assert len(drawn([10, 90, 50], [100, 100, 100]).axes[0].lines) == 8


def test_of_many_services_only_those_beyond_the_limits_are_named_and_those_at_one_point_share_a_label():
    assert texts(drawn([50] * 30 + [100], [100] * 30 + [101]).axes[0].texts) == ["S30"]
    assert texts(drawn([2, 2, 30], [2, 2, 60]).axes[0].texts) == ["S0, S1", "S2"]


def test_raw_rates_stand_beside_pooled_ones_with_their_ranks():
    pooled = pooled_rates(rates([500, 30], [1000, 300]))
    figure = services_figures.raw_beside(pooled, "pooled", "Title", "n, missing")
    assert texts(figure.axes[0].get_yticklabels()) == ["S0 (500/1000), rank 1", "S1 (30/300), rank 2"]
    assert figure.axes[0].lines[0].get_xdata().tolist() == [50, 10]  # raw
    assert figure.axes[0].lines[1].get_xdata() == pytest.approx(100 * pooled["pooled"])
    alike = services_figures.raw_beside(pooled_rates(rates([50, 51], [100, 100])), "pooled", "Title", "n, missing")
    assert texts(alike.axes[0].get_yticklabels()) == ["S0 (50/100)", "S1 (51/100)"]
    between = pooled.assign(rank_low=1, rank_high=[1, 2])
    figure = services_figures.raw_beside(between, "pooled", "Title", "n, missing")
    assert texts(figure.axes[0].get_yticklabels())[1] == "S1 (30/300), rank 1 to 2"


def test_raw_rates_stand_beside_adjusted_ones_each_with_its_interval():
    adjusted = rates([30, 40], [100, 100]).assign(adjusted=[0.33, 0.37], adjusted_low=0.3, adjusted_high=[0.4, 0.5])
    panel = services_figures.raw_beside(adjusted, "adjusted", "Title", "n, missing").axes[0]
    assert panel.lines[1].get_xdata() == pytest.approx([33, 37])
    ends = [segment[:, 0].tolist() for lines in panel.collections for segment in lines.get_segments()]
    assert ends == [pytest.approx([30, 40]), pytest.approx([30, 50]), *(
        pytest.approx([100 * low, 100 * high]) for low, high in adjusted[["low", "high"]].to_numpy())]

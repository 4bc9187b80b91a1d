"""Rates of services beside what their patients' case mix lets one expect: observed against expected."""

from dataclasses import replace

import numpy as np
import pandas as pd

from durability_utils.analyses.funnel import spread_of
from durability_utils.analyses.rates import LEAST_PATIENTS, RATES
from durability_utils.outcomes.proportions import with_proportions
from durability_utils.outcomes.rules import expect_classified
from durability_utils.study.expected import expect, expect_columns, expect_same_rows

# What patients bring with them, in the order in which it is used; what the service decides on (step, sessions) is none.
PERSON = ["age", "employment_baseline", "gender"]
RECORDED = ["phq9_baseline", "gad7_baseline", *PERSON]
AT_END, KEPT = ["reliable_improvement", "reliable_recovery"], ["improvement_kept", "recovery_kept"]
OUTCOMES_A_VARIABLE = 10  # patients with and without the outcome for each variable of the model
NODES = 9
_EXPECTED = ("expected", "ratio", "ratio_low", "ratio_high", "adjusted", "adjusted_low", "adjusted_high", "error")
ADJUSTED = replace(RATES, title="Rates of services, adjusted for case mix", words=("adjusted_for",),
                   statistics=dict.fromkeys(_EXPECTED, "by a model of case mix"))


def outcomes_at_end(end: pd.DataFrame) -> pd.DataFrame:
    """1 or 0 of each patient, missing where not in the `paired` denominator of `rates.rates_from_counts`:
    `reliable_improvement`, `reliable_recovery`. `end`: what `classify` gives at end."""
    expect_classified(end=end)
    paired = end["improvement"].notna()
    return pd.DataFrame({f"reliable_{outcome}": (end[outcome] == f"reliable_{outcome}").astype(float).where(among)
                         for outcome, among in (("improvement", paired), ("recovery", paired & end["case_baseline"]))})


def outcomes_kept(end: pd.DataFrame, later: pd.DataFrame) -> pd.DataFrame:
    """The same of the `followed_up` denominator: `improvement_kept`, `recovery_kept`; `later`: at 6m."""
    expect_classified(end=end, later=later)
    expect_same_rows(end=end, later=later)
    return pd.DataFrame({
        f"{outcome}_kept": (later[outcome] == well).astype(float).where((end[outcome] == well) & later[outcome].notna())
        for outcome, well in (("improvement", "reliable_improvement"), ("recovery", "reliable_recovery"))})


def case_mix(patients: pd.DataFrame, most: int) -> pd.DataFrame:
    """What the model is made from, at most so many columns: mean 0, standard deviation 1, named `column` or
    `column: code`, in the order of RECORDED.

    Numbers as they are, a missing one as the mean; of codes a column for each that LEAST_PATIENTS or more patients
    have, the most frequent apart. Those left over, unknown ones too, stand with the most frequent. What does not differ
    between patients is left out.
    """
    columns = {}
    for name in RECORDED:
        if pd.api.types.is_numeric_dtype(patients[name]):
            columns[name] = patients[name].astype(float)
        else:
            counts = patients[name].astype("str").where(patients[name].notna()).value_counts()
            columns |= {f"{name}: {code}": (patients[name] == code).fillna(False).astype(float)
                        for code in counts.index[1:] if counts[code] >= LEAST_PATIENTS}
    table = pd.DataFrame(columns, patients.index).loc[:, lambda table: table.std() > 0].iloc[:, :most]
    return ((table - table.mean()) / table.std()).fillna(0)


def mixed_logistic(outcome: np.ndarray, table: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, float]:
    """Coefficients (intercept first; log odds) and standard deviation between groups of a mixed logistic model.

    logit P(outcome = 1) = intercept + table coefficients + u, u normal, one for each group (0, 1, ... in `group`), by
    maximum likelihood; the integral over u by adaptive Gauss-Hermite quadrature of NODES nodes around its mode
    (Pinheiro & Bates 1995, Journal of Computational and Graphical Statistics 4: 12-35), as R's lme4::glmer does.

    statsmodels has no such fit: its BinomialBayesMixedGLM approximates a posterior, by Laplace with a spread of 0 in
    the patients of the tests. Misuse: to read the standard deviation with fewer than about ten groups; the coefficients
    need patients, not groups.
    """
    from scipy.optimize import minimize
    from scipy.special import expit, logsumexp

    design, groups = np.column_stack([np.ones(len(outcome)), table]), group.max() + 1
    nodes, weights = np.polynomial.hermite.hermgauss(NODES)

    def sums(values: np.ndarray) -> np.ndarray:
        return np.bincount(group, values, groups)

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        fixed, spread, mode = design @ parameters[:-1], parameters[-1], np.zeros(groups)
        for _ in range(8):  # Newton's steps to the mode of u / spread, of which the logarithm is concave
            p = expit(fixed + spread * mode[group])
            curve = spread**2 * sums(p * (1 - p)) + 1
            mode += (spread * sums(outcome - p) - mode) / curve
        at = mode[:, None] + np.sqrt(2 / curve)[:, None] * nodes  # groups by nodes
        linear = [fixed + spread * u[group] for u in at.T]
        logs = np.column_stack([sums(outcome * eta - np.logaddexp(0, eta)) for eta in linear])
        logs += nodes**2 + np.log(weights) - at**2 / 2 - np.log(np.pi * curve[:, None]) / 2
        likelihood = logsumexp(logs, axis=1)
        share = np.exp(logs - likelihood[:, None])  # of each node in the posterior of u
        rest = [(outcome - expit(eta)) * part[group] for eta, part in zip(linear, share.T, strict=True)]
        by_spread = sum((one * u[group]).sum() for one, u in zip(rest, at.T, strict=True))
        return -likelihood.sum() / len(outcome), -np.append(design.T @ sum(rest), by_spread) / len(outcome)

    mean = outcome.mean()
    start = np.array([np.log(mean / (1 - mean)), *np.zeros(design.shape[1] - 1), 0.3])
    found = minimize(loss, start, jac=True, method="BFGS", options={"gtol": 1e-7}).x
    return found[:-1], abs(found[-1])


def observed_against_expected(outcome: np.ndarray, linear: np.ndarray) -> dict[str, float]:
    """The patients of one service with the outcome, against those expected: `expected, ratio, ratio_low, ratio_high`,
    and `error`, the standard error of the ratio were the service an average one.

    outcome: 1 or 0; linear: log odds of each patient in an average service. expected = sum p, p = expit(linear). The
    95 % interval holds sum expit(linear + d) / expected for every effect d of the service at which the observed are no
    further than 1.959964 sqrt(sum p (1 - p)) from sum p, p = expit(linear + d): a score interval, Wilson's where all
    patients are alike. Misuse: the log odds are taken as known; that they were estimated is not in the interval.
    """
    from scipy.optimize import brentq
    from scipy.special import expit

    observed, expected = outcome.sum(), expit(linear).sum()

    def distance(shift: float, z: float) -> float:
        p = expit(linear + shift)
        return observed - p.sum() - z * np.sqrt((p * (1 - p)).sum())

    def end(z: float) -> float:
        return expit(linear + brentq(distance, -30, 30, args=(z,))).sum()

    low = end(1.959964) if observed else 0
    high = end(-1.959964) if observed < len(outcome) else len(outcome)
    p = expit(linear)
    return {"expected": expected, "ratio": observed / expected, "ratio_low": low / expected,
            "ratio_high": high / expected, "error": np.sqrt((p * (1 - p)).sum()) / expected}


def adjusted_rates(patients: pd.DataFrame, outcomes: pd.DataFrame, denominator: str) -> pd.DataFrame:
    """Raw and adjusted rates of services with LEAST_PATIENTS or more, for each outcome that allows a model.

    `patients`: `service` and the columns of RECORDED, one row each; `outcomes`: of `outcomes_at_end` or `outcomes_kept`
    for them. Columns `service, rate, denominator, n, of, share, low, high` as in `rates.rates_from_counts`; `expected`
    (patients), `ratio` with its interval (of `observed_against_expected`); `adjusted, adjusted_low, adjusted_high`: the
    ratio times the rate of all, not above 1 (indirect standardisation); `error`, the standard error of the adjusted
    rate were the service an average one; `adjusted_for`, the columns of the model.

    Coefficients are those of `mixed_logistic`, so that a service's own success is not taken for its patients'; an
    average service is one with the intercept at which as many are expected in all as were observed. The interval of a
    rate needs no variance between services, so that two of them suffice. An outcome is left out with fewer than two
    services of LEAST_PATIENTS, or fewer than OUTCOMES_A_VARIABLE patients with or without it for two variables.
    Misuse: to compare services' adjusted rates as if nothing but case mix and care differed. What was not recorded is
    not adjusted for, and ratios of services with quite different patients are not weighted alike.
    """
    expect(patients, RECORDED, name="patients")
    expect_columns(patients, ["service"])
    expect_same_rows(patients=patients, outcomes=outcomes)
    parts = [_adjusted(patients[known.notna()], known.dropna()).assign(rate=rate, denominator=denominator)
             for rate, known in outcomes.items()]
    return pd.concat(parts, ignore_index=True)[["service", "rate", "denominator", "n", "of", "share", "low", "high",
                                                *_EXPECTED, "adjusted_for"]]


def _adjusted(patients: pd.DataFrame, outcome: pd.Series) -> pd.DataFrame:
    with_it, of = int(outcome.sum()), outcome.groupby(patients["service"].astype("str"), sort=False).size()
    most, enough = min(with_it, len(outcome) - with_it) // OUTCOMES_A_VARIABLE, of.index[of >= LEAST_PATIENTS]
    if most < 2 or len(enough) < 2:
        return pd.DataFrame(columns=["service", "n", "of", "share", "low", "high", *_EXPECTED, "adjusted_for"])
    from scipy.optimize import brentq  # a second to import: not where there is nothing to adjust
    from scipy.special import expit

    table, group = case_mix(patients, most), pd.factorize(patients["service"])[0]
    coefficients, _ = mixed_logistic(outcome.to_numpy(), table.to_numpy(), group)
    linear = table.to_numpy() @ coefficients[1:]
    linear += brentq(lambda shift: expit(linear + shift).sum() - with_it, -30, 30)
    rows = []
    for service in sorted(enough):
        its = (patients["service"] == service).to_numpy()
        rows.append({"service": service, "n": int(outcome[its].sum()), "of": int(its.sum()),
                     **observed_against_expected(outcome[its].to_numpy(), linear[its])})
    found, rate = with_proportions(pd.DataFrame(rows), "n", "of"), with_it / len(outcome)
    for end in ("", "_low", "_high"):
        found[f"adjusted{end}"] = np.minimum(rate * found[f"ratio{end}"], 1)
    return found.assign(error=rate * found["error"], adjusted_for=", ".join(table))


def adjusted_spread(adjusted: pd.DataFrame) -> pd.DataFrame:
    """Cochran's Q and tau, as in `funnel.spread_of`, of the adjusted rates: `rate, denominator`, then its columns."""
    rows = []
    for (rate, denominator), part in adjusted.groupby(["rate", "denominator"], sort=False):
        target = part["adjusted"].iloc[0] / part["ratio"].iloc[0]
        rows.append({"rate": rate, "denominator": denominator}
                    | spread_of(part["adjusted"], part["error"] ** 2, target))
    return pd.DataFrame(rows, columns=["rate", "denominator", "q", "p", "tau", "tau_low", "tau_high"])

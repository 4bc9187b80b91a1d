"""The patients of `oracles/inputs/attrition.csv` as `attrition.well_at_end` gives them: what R was given, too."""

import numpy as np
import pandas as pd
from r_says import ORACLES


def oracle_patients(outcome: str = "improvement", time: str = "6m") -> pd.DataFrame:
    """Those improved (recovered) at end in the synthetic study of 2016, with their answers at `time`."""
    table = pd.read_csv(ORACLES / "inputs" / "attrition.csv")
    table = table.assign(consented=table["consented"] == 1, whole=table["whole"] == 1,
                         **{name: table[name] / table["reliable_change"] for name in table if "anxiety_" in name})
    of_recovery = outcome == "recovery"
    table = table[(table["recovered"] == 1) | np.logical_not(of_recovery)].reset_index(drop=True)
    table["kept"] = table[f"{'recovery_' if of_recovery else ''}kept_{time}"]
    early = ["phq9_6m", "anxiety_6m"] if time == "12m" else []
    later = {f"{measure}_{time}": f"{measure}_later" for measure in ("phq9", "anxiety")}
    own = ["consented", "kept", *(f"{measure}_{at}" for measure in ("phq9", "anxiety") for at in ("baseline", "end")),
           *early, *later, "reliable_change", "caseness", "lowest", "highest", "whole", "age", "sessions", "step3",
           "service"]
    return table[own].rename(columns=later)

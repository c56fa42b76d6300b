"""Off-policy estimators, one a module; `ESTIMATORS` are those that an evaluation reports, as declared beforehand."""

from models.estimators.clipped_ips import ClippedIPS
from models.estimators.dm import DM
from models.estimators.dr import DR
from models.estimators.dros import DRos
from models.estimators.estimator import Estimator
from models.estimators.ips import IPS
from models.estimators.sndr import SNDR
from models.estimators.snips import SNIPS
from models.estimators.switch_dr import SwitchDR

ESTIMATORS: tuple[Estimator, ...] = (IPS(), ClippedIPS(), SNIPS(), DM(), DR(), SNDR(), SwitchDR(), DRos())
PRIMARY = SNDR.NAME  # the one that verdicts are made of; declared before any truth was looked at

__all__ = [
    "DM", "DR", "ESTIMATORS", "IPS", "PRIMARY", "SNDR", "SNIPS", "ClippedIPS", "DRos", "Estimator", "SwitchDR",
]  # fmt: skip

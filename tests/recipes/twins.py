"""One real example for each list of CONTRIBUTING.md."""

from collections.abc import Mapping

from tests.recipes.edits import Twin
from tests.recipes.interfaces import ENDPOINT, FLOW, TABLE
from tests.recipes.learning import ESTIMATOR, POLICY
from tests.recipes.sources import CONNECTOR, SIGNAL_KIND

TWINS: Mapping[str, Twin] = {
    "a signal kind": SIGNAL_KIND,
    "a connector": CONNECTOR,
    "a policy": POLICY,
    "an estimator": ESTIMATOR,
    "an endpoint": ENDPOINT,
    "a flow": FLOW,
    "a table": TABLE,
}

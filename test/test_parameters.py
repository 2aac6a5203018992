from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
from msgspec import Meta

pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")

import rclpy
from rclpy.parameter import Parameter

from affordance_grasp.configuration.settings import Positive, Seed, Settings, about
from affordance_grasp.errors import InvalidInput
from affordance_grasp.nodes.ros.parameters import LiveParameters, declare


@dataclass(frozen=True)
class Table(Settings, title="table"):
    name: Annotated[str, about("which one")] = "mug"
    rate_hz: Annotated[Positive, about("how often", live=True)] = 3.0
    share: Annotated[float, Meta(gt=0, le=1), about("how much", live=True)] = 1.0
    seed: Seed = 0
    offset_m: float = 0.0
    file: Path | None = None
    folder: Path = Path("views")

    def check(self):
        if self.rate_hz * self.share > 10:
            raise InvalidInput("table: rate_hz times share must be at most 10")


@pytest.fixture
def make_node():
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=101)
    nodes = []

    def make(*overrides: Parameter):
        node = rclpy.create_node("n", context=context, parameter_overrides=list(overrides))
        nodes.append(node)
        return node

    yield make
    for node in nodes:
        node.destroy_node()
    context.try_shutdown()


def test_defaults_types_and_descriptions(make_node):
    node = make_node()
    assert declare(node, Table) == Table()
    assert node.describe_parameter("rate_hz").description == "how often"
    assert node.get_parameter("file").value == ""
    assert node.get_parameter("folder").value == "views"


def test_ranges_are_shown(make_node):
    node = make_node()
    declare(node, Table)
    share = node.describe_parameter("share").floating_point_range[0]
    seed = node.describe_parameter("seed").integer_range[0]
    assert (share.from_value, share.to_value) == (0.0, 1.0)
    assert (seed.from_value, seed.to_value) == (0, 2**63 - 1)
    assert node.describe_parameter("rate_hz").floating_point_range[0].from_value == 0.0
    assert len(node.describe_parameter("offset_m").floating_point_range) == 0


def test_overrides_are_read_and_validated(make_node):
    chosen = declare(
        make_node(Parameter("name", value="pan"), Parameter("file", value="a/b")), Table
    )
    assert (chosen.name, chosen.file) == ("pan", Path("a/b"))
    for name, value in (("rate_hz", -1.0), ("rate_hz", 0.0), ("seed", -1), ("share", 1.5)):
        with pytest.raises(InvalidInput, match=f"table: {name} is {value}; it must be a"):
            declare(make_node(Parameter(name, value=value)), Table)


def test_a_wrong_type_is_refused_with_a_sentence(make_node):
    with pytest.raises(InvalidInput, match="parameter seed of node n must be of type int"):
        declare(make_node(Parameter("seed", value="seven")), Table)


def test_parameters_are_read_only_unless_they_are_live(make_node):
    node = make_node()
    parameters = LiveParameters(node, Table)
    assert not node.set_parameters([Parameter("seed", value=3)])[0].successful
    assert node.get_parameter("seed").value == 0
    assert node.set_parameters([Parameter("rate_hz", value=5.0)])[0].successful
    assert parameters.now == Table(rate_hz=5.0)


def test_changes_are_taken_together_or_not_at_all(make_node):
    node = make_node()
    parameters = LiveParameters(node, Table)
    changes = [Parameter("rate_hz", value=20.0), Parameter("share", value=0.25)]
    assert (
        node.set_parameters(changes[:1])[0].reason
        == "table: rate_hz times share must be at most 10"
    )
    assert (parameters.now, node.get_parameter("rate_hz").value) == (Table(), 3.0)
    assert node.set_parameters_atomically(changes).successful
    assert parameters.now == Table(rate_hz=20.0, share=0.25)
    wrong = [Parameter("rate_hz", value=1.0), Parameter("share", value=0.0)]
    refused = node.set_parameters_atomically(wrong)
    assert refused.reason == "table: share is 0.0; it must be a number > 0 and <= 1"
    assert parameters.now == Table(rate_hz=20.0, share=0.25)


def test_a_node_can_refuse_a_change(make_node):
    def refuse(changed):
        if changed.share < 0.5:
            raise InvalidInput("not now")

    node = make_node()
    parameters = LiveParameters(node, Table, refuse)
    assert node.set_parameters([Parameter("share", value=0.4)])[0].reason == "not now"
    assert node.set_parameters([Parameter("share", value=0.6)])[0].successful
    assert parameters.now.share == 0.6

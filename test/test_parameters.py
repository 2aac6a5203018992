from dataclasses import dataclass

import pytest

pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")

import rclpy
from rclpy.parameter import Parameter

from affordance_grasp.errors import InvalidInput
from affordance_grasp.nodes.ros.parameters import declare, describe


@dataclass(frozen=True)
class Settings:
    name: str = describe("mug", "which one")
    rate_hz: float = describe(3.0, "how often")
    seed: int = 0

    def __post_init__(self):
        if self.rate_hz <= 0:
            raise InvalidInput(f"rate_hz is {self.rate_hz:g}; it must be > 0")


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
    assert declare(node, Settings) == Settings("mug", 3.0, 0)
    assert node.describe_parameter("rate_hz").description == "how often"


def test_overrides_are_read_and_validated(make_node):
    chosen = declare(
        make_node(Parameter("name", value="pan"), Parameter("seed", value=7)), Settings
    )
    assert (chosen.name, chosen.seed) == ("pan", 7)
    with pytest.raises(InvalidInput, match="rate_hz is -1"):
        declare(make_node(Parameter("rate_hz", value=-1.0)), Settings)


def test_a_wrong_type_is_refused_with_a_sentence(make_node):
    with pytest.raises(InvalidInput, match="parameter seed of node n must be of type int"):
        declare(make_node(Parameter("seed", value="seven")), Settings)


def test_parameters_are_read_only(make_node):
    node = make_node()
    declare(node, Settings)
    assert not node.set_parameters([Parameter("seed", value=3)])[0].successful
    assert node.get_parameter("seed").value == 0

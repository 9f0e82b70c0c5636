"""The closed table of names."""

from __future__ import annotations

import pytest

from tinycnn import registry
from tinycnn.errors import ArgumentError
from tinycnn.saving import configurable


@pytest.fixture(autouse=True)
def own_tables(monkeypatch):
    monkeypatch.setattr(registry, "_tables", {})


def test_a_thing_is_found_under_its_name_and_its_aliases():
    @registry.register("shape", "box")
    class Square:
        pass

    assert registry.lookup("shape", "Square") is registry.lookup("shape", "box") is Square
    assert registry.names("shape") == ["Square", "box"]


def test_kinds_are_apart():
    @registry.register("a")
    def thing():
        pass

    with pytest.raises(ArgumentError, match="unknown b 'thing'"):
        registry.lookup("b", "thing")
    assert registry.names("b") == []


def test_a_near_name_is_proposed():
    @registry.register("layer")
    class Conv2D:
        pass

    with pytest.raises(ArgumentError, match=r"unknown layer 'Conv2d'; did you mean 'Conv2D'\?"):
        registry.lookup("layer", "Conv2d")


@pytest.mark.parametrize("name", ["os.system", "__import__", "", 3, None])
def test_what_is_not_registered_does_not_exist(name):
    registry.register("layer")(type("Dense", (), {}))
    with pytest.raises(ArgumentError, match="unknown layer"):
        registry.lookup("layer", name)


def test_a_name_is_taken_once():
    first = registry.register("layer")(type("Dense", (), {}))
    assert registry.register("layer")(first) is first
    with pytest.raises(ArgumentError, match="the layer name 'Dense' is taken"):
        registry.register("layer")(type("Dense", (), {}))
    assert registry.lookup("layer", "Dense") is first


def test_a_config_makes_only_what_is_configurable():
    registry.register("layer")(type("Dense", (), {}))
    with pytest.raises(ArgumentError, match="layer 'Dense' cannot be made from a config"):
        configurable.resolve("layer", {"class_name": "Dense", "config": {}})

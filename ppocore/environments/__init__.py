"""Compiled environments that bear their Gymnasium ids and agree with Gymnasium step by step."""

from ppocore.environments.catalogue import SPECS, Spec, is_compiled, spec_of
from ppocore.environments.vector import Steps, VectorEnvironment

__all__ = ["SPECS", "Spec", "Steps", "VectorEnvironment", "is_compiled", "spec_of"]

"""Mistakes: to be filled."""

from __future__ import annotations

from ppocore.conformance.mistakes.catalogue import Catalogue

CATALOGUE = Catalogue()

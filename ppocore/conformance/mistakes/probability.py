"""Mistakes of ratios, importance sampling, KL, log-probabilities and entropies."""

from __future__ import annotations

from ppocore.conformance.mistakes import categorical, divergences, gaussians, importance, kl_estimators
from ppocore.conformance.mistakes.catalogue import Catalogue

CATALOGUE = Catalogue()
for part in (importance, kl_estimators, divergences, categorical, gaussians):
    CATALOGUE.mistakes.update(part.CATALOGUE.mistakes)

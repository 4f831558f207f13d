"""Mistakes of the policy and value losses."""

from __future__ import annotations

from ppocore.conformance.mistakes import (
    clipped_value_losses,
    kl_penalty_losses,
    loss_advantages,
    loss_clips,
    loss_dual_clips,
    loss_means,
    loss_ratios,
    plain_losses,
    ppo_losses,
    value_losses,
)
from ppocore.conformance.mistakes.catalogue import Catalogue

CATALOGUE = Catalogue()
for _part in (loss_ratios, loss_advantages, loss_clips, loss_dual_clips, kl_penalty_losses, value_losses,
              clipped_value_losses, ppo_losses, plain_losses, loss_means):
    assert not CATALOGUE.mistakes.keys() & _part.CATALOGUE.mistakes.keys()
    CATALOGUE.mistakes.update(_part.CATALOGUE.mistakes)

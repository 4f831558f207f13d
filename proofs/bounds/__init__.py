"""Forward error bounds of every public function, and the table of the docs that compares them with what is found.

The bounds are derived in `proofs/theorems/accuracy.md`; `python -m proofs.bounds` writes `docs/accuracy.md`.
"""

from proofs.bounds import bernoulli as bernoulli
from proofs.bounds import beta as beta
from proofs.bounds import divergences as divergences
from proofs.bounds import groups as groups
from proofs.bounds import importance as importance
from proofs.bounds import losses as losses
from proofs.bounds import multidiscrete as multidiscrete
from proofs.bounds import off_policy as off_policy
from proofs.bounds import optimizers as optimizers
from proofs.bounds import policies as policies
from proofs.bounds import reductions as reductions
from proofs.bounds import rollouts as rollouts
from proofs.bounds import sequence_losses as sequence_losses
from proofs.bounds.book import BOUNDS as BOUNDS
from proofs.bounds.book import Bound as Bound

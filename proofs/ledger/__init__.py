"""The ledger of theorems: what is claimed, which machine proves it, and what must be refuted."""

from proofs.ledger.book import LEDGER as LEDGER
from proofs.ledger.book import Check as Check
from proofs.ledger.book import Ledger as Ledger
from proofs.ledger.book import Theorem as Theorem
from proofs.ledger.outcome import MissingTool as MissingTool
from proofs.ledger.outcome import Outcome as Outcome
from proofs.ledger.outcome import proved as proved
from proofs.ledger.outcome import refuted as refuted
from proofs.ledger.outcome import rejected as rejected
from proofs.ledger.outcome import unknown as unknown

proof = LEDGER.proof
refutation = LEDGER.refutation
mutant = LEDGER.mutant

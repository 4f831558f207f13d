"""Writes the frozen vectors of the gate from the definitions alone; `python -m proofs.freeze` is their only writer.

Nothing of ppocore is imported here, so that what ppocore computes cannot reach the numbers it is judged by.
"""

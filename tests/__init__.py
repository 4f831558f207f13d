"""The examiner: asks whether the house matches the definitions."""

"""What pytest need not look into: adapters, which the tests hand to the gate."""

collect_ignore = ["benchmarks", "forms", "wrong"]

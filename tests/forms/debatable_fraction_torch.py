"""CleanRL's own line: .float() makes the mean a float32 number whatever the inputs are (k/B to 6e-8)."""

FRAMEWORK = "torch"
DTYPE = "float64"


def clip_fraction(log_prob, old_log_prob, advantages, clip_eps):
    return ((log_prob - old_log_prob).exp().sub(1.0).abs() > clip_eps).float().mean()

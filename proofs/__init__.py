"""Machine-checked theorems about PPO and about the kernels of ppocore that compute it."""

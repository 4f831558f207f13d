"""Training on a CPU: tables and small networks in compiled environments."""

from ppocore.training.config import Config
from ppocore.training.errors import BadRun
from ppocore.training.playing import evaluate
from ppocore.training.ppo import PPO
from ppocore.training.session import resume, train
from ppocore.training.trainer import Progress, Trainer

__all__ = ["PPO", "BadRun", "Config", "Progress", "Trainer", "evaluate", "resume", "train"]

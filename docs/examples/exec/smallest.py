"""The smallest program that speaks the protocol: one operation, in nothing but Python's standard library.

    ppocore check --exec 'python3 docs/examples/exec/smallest.py'
"""

import json
import math
import sys


def ratio(log_prob, old_log_prob):
    # float() reads numbers, and the strings nan, inf and -inf as well.
    return [math.exp(float(new) - float(old)) for new, old in zip(log_prob, old_log_prob, strict=True)]


for line in sys.stdin:
    asked = json.loads(line)
    if asked["cmd"] == "start":
        answer = {"name": "smallest", "operations": {"ratio": ["log_prob", "old_log_prob"]}}
    elif asked["cmd"] == "run":
        try:
            found = [x if math.isfinite(x) else str(x) for x in ratio(**asked["inputs"])]
            answer = {"seq": asked["seq"], "outputs": {"ratio": found}}
        except (OverflowError, ValueError) as error:
            answer = {"seq": asked["seq"], "error": str(error)}
    else:
        break
    print(json.dumps(answer), flush=True)
